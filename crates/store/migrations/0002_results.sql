-- Carves lie in one file each, with its digest.

-- How many bytes of the archive are stored, and what they hash to once all are there.
ALTER TABLE carves ADD COLUMN archive_size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE carves ADD COLUMN sha256 TEXT;
-- Those of before lie in a file for each block.
UPDATE carves SET expired = 1;

-- Blocks before the last one that are shorter than the block size: those behind them begin so much earlier.
CREATE TABLE carve_short_blocks (
    carve_id INTEGER NOT NULL REFERENCES carves (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    PRIMARY KEY (carve_id, number)
);
