// Names of the API in words.
import type { Operation } from "./api";

export function operationText(operation: Operation): string {
  return operation === "unknown" ? "Unknown operation" : operation.charAt(0).toUpperCase() + operation.slice(1);
}
