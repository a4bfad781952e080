//! The fields of an instruction and their places. RFC 9669 section 3.1.

#[cfg(target_endian = "big")]
compile_error!(
    "fluxcapacitor-ebpf encodes for little-endian hosts only: on big-endian ones the two registers change places in their byte, \
     and nobody has tested that yet"
);

/// The fields, not yet known to mean anything.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields {
    pub(super) opcode: u8,
    pub(super) dst: u8,
    pub(super) src: u8,
    pub(super) offset: i16,
    pub(super) immediate: i32,
}

impl Fields {
    /// `dst` and `src` are below 16.
    pub(super) const fn to_bytes(self) -> [u8; 8] {
        let registers = self.src << 4 | self.dst;
        let [offset_0, offset_1] = self.offset.to_le_bytes();
        let [imm_0, imm_1, imm_2, imm_3] = self.immediate.to_le_bytes();
        [self.opcode, registers, offset_0, offset_1, imm_0, imm_1, imm_2, imm_3]
    }

    pub(super) const fn from_bytes(bytes: [u8; 8]) -> Self {
        let [opcode, registers, offset_0, offset_1, imm_0, imm_1, imm_2, imm_3] = bytes;
        Self {
            opcode,
            dst: registers & 0x0f,
            src: registers >> 4,
            offset: i16::from_le_bytes([offset_0, offset_1]),
            immediate: i32::from_le_bytes([imm_0, imm_1, imm_2, imm_3]),
        }
    }
}
