//! Ways of losing that are known and not mended yet. Each says of which games it speaks, and why they are lost. The list is to
//! be emptied: whoever mends the core takes its line away, and the seed stays in the list of games that were once lost.

use super::game::Game;
use super::verdict::Loss;

/// A way of losing.
pub struct Known {
    /// Its name.
    pub name: &'static str,
    /// Why it is lost, and what would have to change.
    pub why: &'static str,
    /// Whether a loss is of this sort.
    pub is: fn(&Game, &Loss) -> bool,
}

/// Every known way.
pub const KNOWN: &[Known] = &[];

/// The known way that this loss is, if it is one.
pub fn known(game: &Game, loss: &Loss) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.is)(game, loss))
}
