//! The XDP program of fluxcapacitor: typed eBPF, put together at run time.
//!
//! An XDP program runs in the network driver for every packet that arrives, and says what becomes
//! of it: the kernel's stack, an `AF_XDP` socket, or nothing. This crate writes such programs as
//! values and hands out their bytes; it makes no syscall, has no `unsafe`, and builds on every
//! little-endian system. Loading and attaching is somebody else's work.
//!
//! The names are those of the kernel (`include/uapi/linux/bpf.h`) and of RFC 9669, *BPF Instruction
//! Set Architecture*.
//!
//! ```
//! use fluxcapacitor_ebpf::Register::{R1, R2, R3, R4, R5};
//! use fluxcapacitor_ebpf::{Assembler, Condition, ContextField, Size, Target, XdpAction};
//!
//! # fn main() -> Result<(), fluxcapacitor_ebpf::AssembleError> {
//! // Drop every frame that is not IPv4, and pass the rest to the stack.
//! let mut asm = Assembler::new(Target::Kernel);
//! let drop = asm.label();
//! asm.load_context(R2, R1, ContextField::Data)
//!     .load_context(R3, R1, ContextField::DataEnd)
//!     .mov(R4, R2)
//!     .add(R4, 14)
//!     .jump_if(Condition::Gt, R4, R3, drop)
//!     .load(Size::Half, R5, R2, 12)
//!     .jump_if(Condition::Ne, R5, 0x0008, drop) // 0x0800 as it lies in memory
//!     .return_action(XdpAction::Pass)
//!     .bind(drop)
//!     .return_action(XdpAction::Drop);
//! let program = asm.finish()?;
//!
//! assert_eq!(program.len(), 11);
//! assert_eq!(program.bytes().len(), 11 * 8);
//! assert!(program.to_string().starts_with("   0: (61) r2 = *(u32 *)(r1 +0)\n"));
//! # Ok(())
//! # }
//! ```
//!
//! - [`insn`]: one instruction, its operands, and its eight bytes
//! - [`assembler`]: instructions and labels in, a [`Program`] out
//! - [`program`]: a finished program
//! - [`disasm`]: instructions as text
//! - [`target`]: the kernel, or an interpreter in user space
//! - [`context`]: the fields of `struct xdp_md`
//! - [`map`], [`helper`], [`action`]: what programs refer to, call, and return
//! - [`redirect`]: the program that fills `AF_XDP` sockets
//! - [`error`]: what can be wrong with a program

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod action;
pub mod assembler;
pub mod context;
pub mod disasm;
pub mod error;
pub mod helper;
pub mod insn;
pub mod map;
pub mod program;
pub mod redirect;
pub mod target;

pub use action::XdpAction;
pub use assembler::{Assembler, Label};
pub use context::ContextField;
pub use disasm::Disassembly;
pub use error::AssembleError;
pub use helper::Helper;
pub use insn::{AluOp, Condition, Insn, Operand, Register, Size, Swap, WideKind, Width};
pub use map::MapRef;
pub use program::Program;
pub use redirect::redirect_program;
pub use target::Target;
