// A route that no view has.
import { Empty, PageHeader } from "../components";
import { href } from "../router";

export function Missing() {
  return (
    <>
      <PageHeader title="Not found" />
      <Empty icon="question" title="There is nothing at this address.">
        <a class="link" href={href("/")}>
          Go to the overview
        </a>
      </Empty>
    </>
  );
}
