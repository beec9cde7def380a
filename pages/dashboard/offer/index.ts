// Private offers: read, put into words, compared, shown.
export { type OfferChange, offerChanges } from "./changes";
export { OfferBadge, OfferDates, OfferView } from "./OfferView";
export { type Offer, type Party, type Price, readOffer } from "./offer";
export { ChangeList, UpgradeChanges } from "./Upgrade";
export {
  daysText,
  daysUntil,
  isForResellers,
  isPast,
  type OfferDate,
  offerDates,
  offerTitle,
  partyText,
  type Stage,
  stageBadge,
  stageOf,
  typeText,
  whenText,
} from "./words";
