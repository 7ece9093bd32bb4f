//! moving_window
