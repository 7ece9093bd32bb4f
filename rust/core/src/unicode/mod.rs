//! The frozen set: code points that are assigned in Unicode 14.0, the version of the oldest supported CPython (3.11).
