import { useState } from "preact/hooks";

import { asProblem } from "../../api/problem";
import * as api from "../../api/routes";
import type { AuditCheck } from "../../api/types";
import { complain } from "../../app/notices";
import { count } from "../../model/format";

/** Asks the server to go through the chain of hashes. */
export function Verify() {
  const [checked, setChecked] = useState<AuditCheck | null>(null);
  const [isBusy, setBusy] = useState(false);
  const verify = (): void => {
    setBusy(true);
    api
      .verifyAudit()
      .then(setChecked, (thrown: unknown) => complain("The trail was not verified", asProblem(thrown)))
      .finally(() => setBusy(false));
  };
  return (
    <span class="verify">
      <span role="status">
        {checked !== null &&
          (checked.ok ? (
            <span class="mark good" title={`ends with ${checked.head}`}>
              <span class="sign" aria-hidden="true">
                ✓
              </span>
              {count(checked.rows)} rows, none changed since
            </span>
          ) : (
            <span class="mark bad">
              <span class="sign" aria-hidden="true">
                ✕
              </span>
              the chain breaks at row {checked.first_bad}: somebody changed the database
            </span>
          ))}
      </span>
      <button type="button" disabled={isBusy} onClick={verify}>
        Verify
      </button>
    </span>
  );
}
