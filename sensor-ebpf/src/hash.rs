//! The mixing function of the tables: the repeat gate, presence and policing hash their keys with it.

/// Mixes a word so that each bit of `x` changes about half of the result's bits (the finaliser of splitmix64, with its
/// constants). It is a bijection: two different words never give the same result.
#[inline(always)]
pub(crate) const fn mix(mut x: u64) -> u64 {
    x ^= x >> 32;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 29;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 32
}
