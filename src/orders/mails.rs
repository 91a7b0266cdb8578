//! transition → messages.
