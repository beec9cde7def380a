// What views are made of.
export { Badge, StateBadge, type Tone } from "./Badge";
export { Button, CopyButton, MoreButton } from "./Button";
export { Bars, Durations, type Series } from "./Chart";
export { Confirm, Dialog } from "./Dialog";
export { Icon, type IconName } from "./Icon";
export { Json } from "./Json";
export { OutsideLink } from "./Link";
export { LongText } from "./LongText";
export {
  type Column,
  type Described,
  Empty,
  Facts,
  Field,
  Filling,
  PageHeader,
  Row,
  Rows,
  SearchField,
  Section,
  Segments,
  Skeleton,
  Table,
} from "./layout";
export { Menu, type MenuItem } from "./Menu";
export { errorTexts, Notice, ProblemView } from "./Notice";
export { Age, Time } from "./Time";
