-- Who may do what. Times are milliseconds since 1970. A tag is HMAC-SHA-256 under a key that is not in here.

CREATE TABLE token (
    id           TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    role         TEXT   NOT NULL,
    scope        TEXT   NOT NULL,
    tag          BYTEA  NOT NULL,
    created_ms   BIGINT NOT NULL,
    created_by   TEXT   NOT NULL,
    expires_ms   BIGINT,
    last_used_ms BIGINT,
    revoked_ms   BIGINT
);

-- Sessions of the console, each begun with a token, and no better than that is now.
CREATE TABLE session (
    id       TEXT   NOT NULL PRIMARY KEY,
    tag      BYTEA  NOT NULL,
    token    TEXT   NOT NULL,
    began_ms BIGINT NOT NULL,
    used_ms  BIGINT NOT NULL
);
