//! Nothing to import: this package exists for its benchmark targets and their rivals.
