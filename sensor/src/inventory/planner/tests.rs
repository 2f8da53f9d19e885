//! Each rule of the planner on a fake clock.
