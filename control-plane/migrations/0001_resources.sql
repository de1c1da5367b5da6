-- Types are those that SQLite and PostgreSQL read alike: TEXT and BIGINT, times as RFC 3339 text.

-- What is made once and kept: mesh_key, 32 hex digits.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row: the revision of the last write that changed something.
CREATE TABLE head (
    id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    revision BIGINT NOT NULL
);

INSERT INTO head (id, revision) VALUES (1, 0);

-- Every stamp and shadow as it is now. The manifest is the resource as JSON, metadata included.
CREATE TABLE resource (
    kind     TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    manifest TEXT   NOT NULL,
    PRIMARY KEY (kind, name)
);

-- Every change to a resource. Rows are only ever added.
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
    reason       TEXT
);
