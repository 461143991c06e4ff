//! Chance, where things shall not happen at the same time everywhere.

/// Between 0 and 1, different each time.
pub(crate) fn fraction() -> f64 {
    let mut bytes = [0_u8; 2];
    // Without randomness everybody waits equally long, which is no reason to fail.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX)
}
