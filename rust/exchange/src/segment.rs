//! Capture segments.
