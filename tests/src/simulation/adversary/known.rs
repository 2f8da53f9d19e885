//! Ways of losing that are known and not mended yet. Each says of which games it speaks, and why they are lost. The list is to
//! be emptied: whoever mends the core takes its line away, and the seed stays in the list of games that were once lost.

use std::net::IpAddr;

use sensor_core::inventory::sighting::Claim;
use sensor_core::types::Mac;

use super::cast::{CLIENT_ID, DUID, RESIDENTS, UUID};
use super::deeds::{Move, Sort};
use super::game::Game;
use super::incident::Incident;
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

/// A claim waits for so long behind another one, in milliseconds, with what answers and the loop take.
const EXPLAINED: u64 = 3_100;

/// Every known way.
pub const KNOWN: &[Known] = &[
    Known {
        name: "a second thief",
        why: "`decide` weighs the claims that came meanwhile; for another thief's, `begin_dispute` counts the three seconds from \
              the old sighting's time, so that they are over before the holder can answer, and the address passes \
              (told as an alert, `unknown`).",
        is: |game, loss| {
            let is_thieves = |ip: IpAddr| {
                let claims = |(begin, step): &(u64, Move)| {
                    let begin = *begin;
                    let sent = step.sent().map(move |(ms, frame)| (begin + ms, frame.ip, frame.mac));
                    sent.collect::<Vec<_>>()
                };
                let all = game.moves.iter().flat_map(claims).filter(|(_, claimed, _)| *claimed == Some(ip));
                let is_residents = |mac: Mac| RESIDENTS.iter().any(|known| known.mac == mac);
                let all: Vec<(u64, Mac)> =
                    all.filter(|(.., mac)| !is_residents(*mac)).map(|(ms, _, mac)| (ms, mac)).collect();
                all.windows(2).any(|pair| pair[0].1 != pair[1].1 && pair[1].0 - pair[0].0 <= EXPLAINED)
            };
            matches!(loss, Loss::Stolen(_, ip, _) if is_thieves(*ip))
        },
    },
    Known {
        name: "more disputes than can be checked",
        why: "`Planner::check` refuses the 1025th check, whosever address it is, and `refuse_check` decides at once as if \
              nobody had answered: even the gateway's address passes (with an alert).",
        is: |game, loss| matches!(loss, Loss::Stolen(..)) && game.moves.iter().any(|(_, step)| step.deeds.len() > 1024),
    },
    Known {
        name: "hidden in a starvation",
        why: "`is_starved`: ten minutes from a DHCP starvation on, a new host of which only DHCP was heard is info, and it is \
              not told anew when it says more.",
        is: |game, loss| {
            let asks = |step: &Move| step.sort == Sort::Crowd && step.words.contains("clients ask");
            matches!(game.plan.incident, Incident::NewHost | Incident::Clone)
                && *loss == Loss::Untold
                && game.moves.iter().any(|(_, step)| asks(step))
        },
    },
];

/// The known way that this loss is, if it is one.
pub fn known(game: &Game, loss: &Loss) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.is)(game, loss))
}

/// Whether a move copies a resident's identifier, by frames of this station or of any.
fn copies(step: &Move, by: Option<Mac>) -> bool {
    step.frames().filter(|frame| by.is_none_or(|by| frame.frame_mac == by || frame.mac == by)).any(|frame| match &frame
        .claim
    {
        Claim::Dhcp(claim) => claim.client_id.as_ref().is_some_and(|id| id.as_bytes() == CLIENT_ID),
        Claim::Dhcpv6(claim) => claim.message.client_duid.as_ref().is_some_and(|duid| duid.as_bytes() == DUID),
        Claim::Ssdp(heard) => heard.said.usn.as_ref().is_some_and(|usn| usn.as_bytes().starts_with(UUID.as_bytes())),
        _ => false,
    })
}
