//! Reading persons and organisations.
