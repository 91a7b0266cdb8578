-- New kinds of events of somebody's place. A new value can't be used in the transaction that adds it, so this stands alone.
ALTER TYPE member_event_kind ADD VALUE 'blocked';
ALTER TYPE member_event_kind ADD VALUE 'unblocked';
