-- New kinds of events of somebody's place. A new value can't be used in the transaction that adds it, so this stands alone.
ALTER TYPE member_event_kind ADD VALUE 'details';
ALTER TYPE member_event_kind ADD VALUE 'email_confirmed';
ALTER TYPE member_event_kind ADD VALUE 'email_withdrawn';
ALTER TYPE member_event_kind ADD VALUE 'merged';
