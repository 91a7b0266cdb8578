-- A file's size stands beside it, so that an order is read by the same statement for every role, also by the worker,
-- who may not read what is in the files.
ALTER TABLE order_attachment ADD COLUMN size bigint NOT NULL GENERATED ALWAYS AS (octet_length(content)) STORED;
GRANT SELECT (side, added_by_name, size) ON order_attachment TO portal_worker;
