-- What the filters report. BYTEA is a blob to SQLite too. Times are milliseconds since 1970.

-- When the evidence on a shadow began anew: at which revision of the store.
CREATE TABLE epoch (
    shadow TEXT   NOT NULL,
    epoch  BIGINT NOT NULL,
    at_ms  BIGINT NOT NULL,
    PRIMARY KEY (shadow, epoch)
);

-- The last report of each worker. An instance is 64 random bits, kept as a signed number.
CREATE TABLE reporter (
    instance BIGINT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    seen_ms  BIGINT NOT NULL
);

-- What the reports of a span of time add up to, for each endpoint; an empty endpoint stands for the shadow as a
-- whole. A span of 0 is all time.
CREATE TABLE tally (
    shadow   TEXT   NOT NULL,
    epoch    BIGINT NOT NULL,
    span_ms  BIGINT NOT NULL,
    start_ms BIGINT NOT NULL,
    endpoint TEXT   NOT NULL,
    numbers  BYTEA  NOT NULL,
    PRIMARY KEY (shadow, epoch, span_ms, start_ms, endpoint)
);

CREATE INDEX tally_by_age ON tally (span_ms, start_ms);

-- Sampled pairs, redacted. The document is what the API shows, `found` the differences alone.
CREATE TABLE pair (
    id       BIGINT NOT NULL PRIMARY KEY,
    pair     TEXT   NOT NULL,
    shadow   TEXT   NOT NULL,
    epoch    BIGINT NOT NULL,
    endpoint TEXT   NOT NULL,
    outcome  TEXT   NOT NULL,
    seen_ms  BIGINT NOT NULL,
    found    TEXT   NOT NULL,
    document TEXT   NOT NULL
);

CREATE INDEX pair_by_shadow ON pair (shadow, id);
CREATE INDEX pair_by_outcome ON pair (shadow, outcome, id);
CREATE INDEX pair_by_age ON pair (seen_ms);

-- Which fields differ in which pair.
CREATE TABLE pair_field (
    pair_id BIGINT NOT NULL,
    field   TEXT   NOT NULL,
    PRIMARY KEY (pair_id, field)
);
