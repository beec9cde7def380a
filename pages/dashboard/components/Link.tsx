import type { ComponentChildren } from "preact";
import { Icon } from "./Icon";

const SIGNATURE = /[?&;](?:sig|signature|x-amz-signature)=/i;

/** An address that comes from data: a link if it is https, text if it is not, and not shown if it is signed. */
export function OutsideLink({ address, children }: { address: string; children?: ComponentChildren }) {
  if (SIGNATURE.test(address)) {
    return <span class="muted">(signed link)</span>;
  }
  const isSafe = URL.canParse(address) && new URL(address).protocol === "https:";
  return isSafe ? (
    <a class="link" href={address} target="_blank" rel="noopener noreferrer">
      {children ?? address}
      <Icon name="external" />
      <span class="visually-hidden"> (opens in a new tab)</span>
    </a>
  ) : (
    <span>{children ?? address}</span>
  );
}
