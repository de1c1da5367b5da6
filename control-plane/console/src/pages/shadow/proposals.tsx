import { signal } from "@preact/signals";

import type { Me } from "../../api/types";
import { has } from "../../model/access";
import { proposals } from "../../model/proposal";
import type { Proposal } from "../../model/proposal";
import type { DifferingField } from "../../api/evidence";

/** The proposal that is being looked at. */
export const proposed = signal<Proposal | null>(null);

/** The buttons that open a changed shadow for review. */
export function ProposalButtons({ field, me }: { field: Pick<DifferingField, "path" | "kind">; me: Me }) {
  const barred = has(me, "admin") ? undefined : "changing a resource needs the role admin";
  return (
    <span class="proposals">
      {proposals(field).map((proposal) => (
        <button
          key={proposal.label}
          type="button"
          class="small"
          title={barred ?? proposal.words}
          aria-label={`${proposal.label}: ${field.path}`}
          disabled={barred !== undefined}
          onClick={() => (proposed.value = proposal)}
        >
          {proposal.label}
        </button>
      ))}
    </span>
  );
}
