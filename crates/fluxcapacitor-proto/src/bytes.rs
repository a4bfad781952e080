//! What a view may look at: shared or exclusive bytes.

use core::fmt::Debug;

/// Packet bytes that a view reads: `&[u8]` or `&mut [u8]`, and nothing else.
pub trait Bytes: sealed::Bytes + Debug {}

/// Packet bytes that a view also writes: `&mut [u8]`, and nothing else.
pub trait BytesMut: Bytes + sealed::BytesMut {}

impl Bytes for &[u8] {}
impl Bytes for &mut [u8] {}
impl BytesMut for &mut [u8] {}

/// What views need of bytes. Callers need none of it, so it is not theirs to see.
pub(crate) mod sealed {
    use core::hint;
    use core::ops::Deref;

    use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

    /// A struct that any bytes of its length may be cast to, and back.
    pub trait Wire: FromBytes + IntoBytes + KnownLayout + Immutable + Unaligned + 'static {}

    pub trait Bytes: Deref<Target = [u8]> + Sized {
        /// A reference to a header, shared or exclusive as the bytes are.
        type Of<T: Wire>: Deref<Target = T>;

        /// The header at the start, and the rest.
        fn split_header<T: Wire>(self) -> Option<(Self::Of<T>, Self)>;

        /// The first `len` bytes, and the rest.
        fn split_to(self, len: usize) -> Option<(Self, Self)>;
    }

    pub trait BytesMut: Bytes {
        fn header_mut<T: Wire>(header: &mut Self::Of<T>) -> &mut T;
        fn bytes_mut(&mut self) -> &mut [u8];
    }

    impl<'a> Bytes for &'a [u8] {
        type Of<T: Wire> = &'a T;

        #[inline(always)]
        fn split_header<T: Wire>(self) -> Option<(&'a T, Self)> {
            if self.len() < size_of::<T>() {
                return too_short();
            }
            T::ref_from_prefix(self).ok()
        }

        #[inline(always)]
        fn split_to(self, len: usize) -> Option<(Self, Self)> {
            if self.len() < len {
                return too_short();
            }
            self.split_at_checked(len)
        }
    }

    impl<'a> Bytes for &'a mut [u8] {
        type Of<T: Wire> = &'a mut T;

        #[inline(always)]
        fn split_header<T: Wire>(self) -> Option<(&'a mut T, Self)> {
            T::mut_from_prefix(self).ok()
        }

        #[inline(always)]
        fn split_to(self, len: usize) -> Option<(Self, Self)> {
            self.split_at_mut_checked(len)
        }
    }

    impl<'a> BytesMut for &'a mut [u8] {
        #[inline(always)]
        fn header_mut<'h, T: Wire>(header: &'h mut &'a mut T) -> &'h mut T {
            header
        }

        #[inline(always)]
        fn bytes_mut(&mut self) -> &mut [u8] {
            self
        }
    }

    /// Where seldom anyone comes: parsers that succeed shall run straight on.
    ///
    /// Without an effect of its own this way would be the same as any other that ends in nothing, and the compiler then
    /// joins the comparisons that lead there into one branch, which costs more than it saves: each is never taken.
    #[cold]
    fn too_short<T>() -> Option<T> {
        hint::black_box(());
        None
    }
}
