//! A stretch of slots that lie side by side.

/// How many slots a loop goes over before it looks whether it is at an end: the look is a sixth of what a slot takes.
pub(super) const ABREAST: usize = 4;

/// All of `cells`, so many between two looks at the end: by [`Iterator::try_for_each`] and its like.
#[inline]
pub(super) fn abreast<C>(cells: &[C]) -> impl Iterator<Item = &C> {
    let (whole, last) = cells.as_chunks::<ABREAST>();
    whole.iter().flatten().chain(last)
}

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
