//! Pages about services.
