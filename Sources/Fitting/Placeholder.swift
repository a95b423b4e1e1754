// Replaced by this module's sources.
