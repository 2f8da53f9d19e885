//! Arguments that are made known to clap only when their command was given.

use clap::{ArgMatches, Args, FromArgMatches};

/// The arguments of a command. There are two hundred in all, and making them takes about as long as a short scan: so only
/// those of the command that was given are made.
#[derive(Debug)]
pub struct Later<T>(pub T);

impl<T: Args> Args for Later<T> {
    fn augment_args(command: clap::Command) -> clap::Command {
        command.defer(|command| {
            // The command's own description, not that of its arguments' type.
            let about = command.get_about().cloned();
            let command = T::augment_args(command);
            match about {
                Some(about) => command.about(about),
                None => command,
            }
        })
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches(matches).map(Self)
    }

    // The trait's own method copies the matches first; they are not needed afterwards.
    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
        T::from_arg_matches_mut(matches).map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}
