//! A stretch of slots that lie side by side.

/// Up to `count` slots of the ring `cells` from index `first` on, as far as they lie side by side.
///
/// None only if `count` is 0.
#[inline]
pub(super) fn run<C>(cells: &[C], first: u32, count: u32) -> &[C] {
    // A ring has a power of two of slots, by `check_size`: this is within them.
    let at = first as usize & (cells.len() - 1);
    let to_the_end = &cells[at..];
    &to_the_end[..to_the_end.len().min(count as usize)]
}
