//! Ways of losing that are known and not mended yet. Each says of which games it speaks, and why they are lost. The list is to
//! be emptied: whoever mends the core takes its line away, and the seed stays in the list of games that were once lost.

use sensor_core::inventory::sighting::Claim;
use sensor_core::types::Mac;

use super::cast::{CLIENT_ID, DUID, GATEWAY, RESIDENTS, UUID};
use super::game::Game;
use super::incident::Incident;
use super::moves::{Move, Sort};
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
pub const KNOWN: &[Known] = &[
    Known {
        name: "the gateway's own frames",
        why: "`raise_for_gateway`: a frame with the gateway's MAC as source, whose ARP part names a station without an IPv4 \
              address, is told as info. The source of a frame is the weakest evidence, and here it excuses.",
        is: |game, loss| {
            let forged = |step: &Move| step.frames().any(|frame| frame.frame_mac == RESIDENTS[GATEWAY].mac);
            let is_incident = |step: &Move| step.sort == Sort::Incident && forged(step);
            game.plan.incident == Incident::GatewayTaken
                && *loss == Loss::Untold
                && game.before().any(|(_, step)| is_incident(step))
        },
    },
    Known {
        name: "who scans made itself a router",
        why: "`routes_for_others`: the scanner's own advertisement, DHCP answers (option 3), frames that look forwarded or \
              addresses in four networks make it a router, and routers are not told to scan.",
        is: |game, loss| {
            let actor = game.plan.culprits[0];
            let made_itself = [Sort::Advert, Sort::Traffic, Sort::ManyArp, Sort::Crowd].into_iter();
            game.plan.incident == Incident::Scan
                && *loss == Loss::Untold
                && (made_itself.into_iter().any(|sort| game.has(sort, actor)) || is_named_router(game, actor))
        },
    },
    Known {
        name: "a second copy",
        why: "`alternating_station` parts the first copy, while the second one stays with the host that it was joined to, and \
              neither `new-host` nor `mac-rotated` is told of it.",
        is: |game, loss| {
            let is_copy = |step: &&(u64, Move)| step.1.sort != Sort::Incident && copies(&step.1, None);
            game.plan.incident == Incident::Clone && *loss == Loss::Untold && game.before().any(|step| is_copy(&step))
        },
    },
    Known {
        name: "a server's name in other hands",
        why: "`server_named_by_another`: an address that was told as a DHCP server's is answered for by another station, and \
              nobody holds the address, or that station does: nothing is told of it.",
        is: |game, loss| {
            let mut servers = game.before().flat_map(|(_, step)| step.frames()).filter_map(|frame| match &frame.claim {
                Claim::Dhcp(claim) if claim.from_server => Some((claim.server, frame.frame_mac)),
                _ => None,
            });
            let actor = game.plan.culprits[0];
            let named = game.plan.moves[0].frames().find_map(|frame| match &frame.claim {
                Claim::Dhcp(claim) => Some(claim.server),
                _ => None,
            });
            game.plan.incident == Incident::RogueDhcp
                && *loss == Loss::Untold
                && servers.any(|(server, mac)| mac != actor && Some(server) == named)
        },
    },
    Known {
        name: "copied identifiers take an address",
        why: "`is_one_machine`: a station that copies an identifier (DUID, client id, uuid) of a host that was silent for two \
              minutes is joined to it, the join has stood at once (`has_stood` counts from the old station's last frame), and \
              `begin_dispute` then asks nobody (`is_usual`): the address passes, and nothing is told (`emit_move_within`).",
        is: |game, loss| {
            let is_stolen = |thief: Mac| game.before().any(|(_, step)| copies(step, Some(thief)));
            let host = game.plan.incident == Incident::HostTaken && *loss == Loss::Untold && is_stolen(game.plan.culprits[0]);
            host || matches!(loss, Loss::Stolen(_, thief) if game.moves.iter().any(|(_, step)| copies(step, Some(*thief))))
        },
    },
    Known {
        name: "more disputes than can be checked",
        why: "`Planner::check` refuses the 1025th check, whosever address it is, and `refuse_check` decides at once as if \
              nobody had answered: even the gateway's address passes (with an alert).",
        is: |game, loss| {
            matches!(loss, Loss::Stolen(..)) && game.moves.iter().any(|(_, step)| step.deeds.len() > 1024)
        },
    },
    Known {
        name: "a decoy that looks alike",
        why: "`announce_at`: a new host with a random MAC is info where another one with a random MAC said the same by DHCP \
              and is silent, though that was a moment ago and the attacker's own.",
        is: |game, loss| {
            game.plan.incident == Incident::NewHost
                && *loss == Loss::Untold
                && game.plan.culprits[0].is_random()
                && game.before().any(|(_, step)| step.sort == Sort::DhcpClient)
        },
    },
];

/// The known way that this loss is, if it is one.
pub fn known(game: &Game, loss: &Loss) -> Option<&'static Known> {
    KNOWN.iter().find(|known| (known.is)(game, loss))
}

/// Whether a move copies a resident's identifier, by frames of this station or of any.
fn copies(step: &Move, by: Option<Mac>) -> bool {
    step.frames().filter(|frame| by.is_none_or(|by| frame.frame_mac == by || frame.mac == by)).any(|frame| {
        match &frame.claim {
            Claim::Dhcp(claim) => claim.client_id.as_ref().is_some_and(|id| id.as_bytes() == CLIENT_ID),
            Claim::Dhcpv6(claim) => claim.message.client_duid.as_ref().is_some_and(|duid| duid.as_bytes() == DUID),
            Claim::Ssdp(heard) => {
                heard.said.usn.as_ref().is_some_and(|usn| usn.as_bytes().starts_with(UUID.as_bytes()))
            }
            _ => false,
        }
    })
}

/// Whether a made-up DHCP server named an address of the station as a router.
fn is_named_router(game: &Game, mac: Mac) -> bool {
    let ip = game.cast.all().find(|station| station.mac == mac).map(|station| station.ip);
    let mut frames = game.before().flat_map(|(_, step)| step.frames());
    frames.any(|frame| matches!(&frame.claim, Claim::Dhcp(claim) if claim.from_server && claim.router == ip))
}
