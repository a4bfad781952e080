//! References to maps, the memory that a program shares with user space.

/// A map that a program refers to, by its file descriptor.
///
/// The kernel swaps the descriptor for the map's address when it loads the program, and the program
/// then keeps the map alive: the descriptor need only stay open until the load is done. An
/// interpreter hands the number to its helpers as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapRef {
    fd: i32,
}

impl MapRef {
    /// The map behind `fd`, a descriptor of the process that will load the program.
    #[must_use]
    pub const fn from_fd(fd: i32) -> Self {
        Self { fd }
    }

    /// The file descriptor.
    #[must_use]
    pub const fn fd(self) -> i32 {
        self.fd
    }
}
