//! What every wire header and every view has, whatever its protocol.

/// Gives a header struct its length and its casts; `$protocol` is what an error names.
macro_rules! wire {
    ($header:ident, $len:literal, $protocol:ident) => {
        const _: () = assert!(size_of::<$header>() == $len && align_of::<$header>() == 1);

        impl crate::bytes::sealed::Wire for $header {}

        impl $header {
            /// Length on the wire, in bytes.
            pub const LEN: usize = $len;

            /// Casts the start of `bytes` to this header; the rest comes second.
            ///
            /// Only the length is checked, not what the fields say.
            ///
            /// # Errors
            ///
            /// [`ParseError::Truncated`](crate::ParseError::Truncated) if `bytes` is shorter than the header.
            #[inline(always)]
            pub fn ref_from_prefix(
                bytes: &[u8],
            ) -> Result<(&Self, &[u8]), crate::error::ParseError> {
                let have = bytes.len();
                zerocopy::FromBytes::ref_from_prefix(bytes)
                    .map_err(|_| crate::error::truncated(crate::Protocol::$protocol, $len, have))
            }

            /// Casts the start of `bytes` to this header, to write through; the rest comes second.
            ///
            /// Only the length is checked, not what the fields say.
            ///
            /// # Errors
            ///
            /// [`ParseError::Truncated`](crate::ParseError::Truncated) if `bytes` is shorter than the header.
            #[inline(always)]
            pub fn mut_from_prefix(
                bytes: &mut [u8],
            ) -> Result<(&mut Self, &mut [u8]), crate::error::ParseError> {
                let have = bytes.len();
                zerocopy::FromBytes::mut_from_prefix(bytes)
                    .map_err(|_| crate::error::truncated(crate::Protocol::$protocol, $len, have))
            }

            /// The header as it is on the wire.
            #[inline(always)]
            pub fn as_bytes(&self) -> &[u8; $len] {
                zerocopy::transmute_ref!(self)
            }
        }
    };
}

/// Gives a view with fields `header` and `payload` what all views have: the header's accessors by `Deref`, its setters
/// by `DerefMut` if the bytes are exclusive, the payload, copies of shared views, and a `Debug` without packet bytes.
macro_rules! view {
    ($view:ident, $header:ident $(, $field:ident)*) => {
        impl<B: crate::Bytes> $view<B> {
            /// The fixed header.
            #[inline]
            pub fn header(&self) -> &$header {
                &self.header
            }

            /// The bytes behind all headers of this protocol.
            #[inline]
            pub fn payload(&self) -> &[u8] {
                &self.payload
            }

            /// The payload, for as long as the packet bytes themselves live.
            #[inline]
            pub fn into_payload(self) -> B {
                self.payload
            }
        }

        impl<B: crate::BytesMut> $view<B> {
            /// The fixed header, to write through.
            #[inline]
            pub fn header_mut(&mut self) -> &mut $header {
                B::header_mut(&mut self.header)
            }

            /// The bytes behind all headers of this protocol, to write through.
            ///
            /// A checksum that covers them is the caller's to fill afterwards.
            #[inline]
            pub fn payload_mut(&mut self) -> &mut [u8] {
                self.payload.bytes_mut()
            }
        }

        impl<B: crate::Bytes> core::ops::Deref for $view<B> {
            type Target = $header;

            #[inline]
            fn deref(&self) -> &$header {
                &self.header
            }
        }

        impl<B: crate::BytesMut> core::ops::DerefMut for $view<B> {
            #[inline]
            fn deref_mut(&mut self) -> &mut $header {
                B::header_mut(&mut self.header)
            }
        }

        impl Clone for $view<&[u8]> {
            #[inline]
            fn clone(&self) -> Self {
                *self
            }
        }

        impl Copy for $view<&[u8]> {}

        impl<B: crate::Bytes> core::fmt::Debug for $view<B> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($view))
                    .field("header", self.header())
                    $(.field(concat!(stringify!($field), "_len"), &self.$field.len()))*
                    .field("payload_len", &self.payload.len())
                    .finish()
            }
        }
    };
}
