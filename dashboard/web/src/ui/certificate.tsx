import type { Resource } from "../api/arm";
import { text } from "../api/json";
import { Pairs, Panel, When } from "./parts";

/** Fingerprint is what the server read in a certificate. */
export function Fingerprint({ resource: r }: { resource: Resource }) {
  return (
    <Panel title="Certificate">
      <Pairs
        of={[
          ["Valid from", <When at={text(r, "properties.issueTimeInUtc")} exact />],
          ["Valid until", <When at={text(r, "properties.expiryTimeInUtc")} exact />],
        ]}
      />
    </Panel>
  );
}
