-- The audit trail becomes a chain: each row has the hash of the row before it and of itself (crate umbra-audit). SQL has
-- no SHA-256, so the program moves the rows that there are over when it next opens the store.
ALTER TABLE audit RENAME TO audit_unchained;

CREATE TABLE audit (
    id           BIGINT NOT NULL PRIMARY KEY,
    revision     BIGINT NOT NULL,
    at           TEXT   NOT NULL,
    actor        TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    action       TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    before_state TEXT,
    after_state  TEXT,
    reason       TEXT,
    hash         TEXT   NOT NULL
);

CREATE INDEX audit_by_resource ON audit (kind, name, id);
CREATE INDEX audit_by_actor ON audit (actor, id);

-- Rows are only ever added, at the end. These keep a mistake from changing one; the chain shows a deed.
CREATE TRIGGER audit_keeps_rows BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_loses_none BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
-- An INSERT OR REPLACE would go past the two above.
CREATE TRIGGER audit_grows BEFORE INSERT ON audit
WHEN NEW.id <= (SELECT MAX(id) FROM audit)
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
