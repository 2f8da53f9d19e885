//! The frame classifier and the repeat gate, one source for the kernel and for user space.
//! No unsafe, no dependency, no allocation.
#![no_std]
#![forbid(unsafe_code)]

// Reading order.
/// What kernel and user space agree on.
pub mod abi;
/// What a frame is.
pub mod classify;
/// Which claims are repeats.
pub mod gate;
/// Which messages are repeats.
pub mod message;
/// How a frame is read.
pub mod packet;
/// Who says too much.
pub mod police;
/// Who sent anything.
pub mod presence;
/// Who looks around.
pub mod scan;
/// Which addresses are of interest.
pub mod watch;
