//! Sockets and resolvers shared by the techniques, and the dispatch of a probe to its technique.

use crate::clock::Clock;
use crate::probe::counts::Counts;
use crate::probe::dns::{NameAnswer, Names};
use crate::probe::icmp::Icmp;
use crate::probe::icmp::all_nodes::all_nodes;
use crate::probe::pace::Pace;
use crate::probe::snmp;
use crate::probe::snmp::Credentials;
use crate::probe::tcp;
use crate::probe::tcp::permits::Permits;
use crate::probe::tcp::{PortAnswer, TcpTarget};
use crate::probe::{mdns, nbns};
use ipnet::IpNet;
use sensor_core::inventory::planner::cost::CONNECT;
use sensor_core::inventory::planner::probe::{Probe, Question};
use sensor_core::inventory::sighting::answer::Answer;
use sensor_core::inventory::sighting::{Claim, Sighting};
use sensor_core::types::{Iface, Mac, Segment};
use std::io;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Resolver and credentials of a network.
pub(crate) struct NetworkTools {
    pub(crate) prefix: IpNet,
    /// `None`: the system's name servers are used.
    pub(crate) names: Option<Names>,
    pub(crate) credentials: Arc<[Credentials]>,
}

/// What probes through sockets need. Sockets and the system's resolver are opened when first used.
pub(crate) struct Tools {
    pub(crate) icmp: OnceLock<Icmp>,
    pub(crate) permits: Permits,
    pub(crate) pace: Pace,
    /// Networks, the longest prefix first.
    pub(crate) scopes: Vec<NetworkTools>,
    pub(crate) system: OnceLock<Names>,
    pub(crate) timeout: Duration,
    pub(crate) answers: Sender<Sighting>,
    pub(crate) counts: Arc<Counts>,
}

impl Tools {
    /// Sends a probe and passes its answers on. `by` is the speaker's interface, by name and number.
    pub(crate) async fn ask(&self, probe: Probe, by: Option<(Iface, u32)>) {
        self.counts.asked_total.fetch_add(1, Ordering::Relaxed);
        let Probe { segment, ip, question } = probe;
        let scope = by.map(|(_, index)| index).filter(|_| is_link_local(ip));
        if !matches!(question, Question::Connect { .. } | Question::Knock { .. }) {
            self.pace.note(question.cost().sensor);
        }
        match question {
            Question::AllNodes => {
                let Some((name, _)) = by else { return };
                for reply in Box::pin(all_nodes(name.as_str(), self.timeout)).await.unwrap_or_default() {
                    let answer = Answer::Echo { rtt: reply.echo.rtt, hop_limit: reply.echo.hop_limit };
                    self.send_answer(segment, reply.ip, Claim::Answer(Box::new(answer))).await;
                }
            }
            Question::Arp { .. } | Question::ConflictCheck { .. } | Question::Discover | Question::Ndp { .. } => {}
            Question::Connect { ports } => {
                for &port in &*ports {
                    let target = TcpTarget { ip, port, scope };
                    self.pace.wait(CONNECT).await;
                    // Boxed because the future is large and most probes are not of this kind.
                    let answer = Box::pin(tcp::connect(target, self.timeout, &self.permits)).await;
                    self.send_port_answer(segment, target, answer).await;
                }
            }
            Question::Echo => {
                let icmp = self.icmp.get_or_init(|| Icmp::open(None));
                if let Some(echo) = Box::pin(icmp.echo(ip, scope, self.timeout)).await {
                    let answer = Answer::Echo { rtt: echo.rtt, hop_limit: echo.hop_limit };
                    self.send_answer(segment, ip, Claim::Answer(Box::new(answer))).await;
                }
            }
            Question::Knock { ports } => {
                for &port in &*ports {
                    let target = TcpTarget { ip, port, scope };
                    self.pace.wait(CONNECT).await;
                    self.send_port_answer(segment, target, tcp::check_port(target, self.timeout, &self.permits).await)
                        .await;
                }
            }
            Question::Mdns => {
                for claim in Box::pin(mdns::ask(ip, scope, self.timeout)).await {
                    self.send_answer(segment, ip, Claim::Mdns(claim)).await;
                }
            }
            Question::Nbns => {
                let IpAddr::V4(address) = ip else { return };
                if let Some(status) = Box::pin(nbns::status(address, self.timeout)).await {
                    let answer = Answer::Nbns { name: status.name, group: status.group, mac: status.mac };
                    self.send_answer(segment, ip, Claim::Answer(Box::new(answer))).await;
                }
            }
            Question::Ptr => {
                let answer = match Box::pin(self.names(ip).name(ip)).await {
                    NameAnswer::Name { name, confirmed } => Answer::Ptr { name: Some(name), confirmed },
                    NameAnswer::None => Answer::Ptr { name: None, confirmed: false },
                    // Without an answer the address may have a name.
                    NameAnswer::Silent => return,
                };
                self.send_answer(segment, ip, Claim::Answer(Box::new(answer))).await;
            }
            Question::Snmp => {
                let Some(credentials) = self.scope(ip).map(|scope| Arc::clone(&scope.credentials)) else { return };
                if let Some(system) = Box::pin(snmp::system(&credentials, ip, self.timeout)).await {
                    let answer = Answer::Snmp {
                        name: system.name,
                        description: system.description,
                        object_id: system.object_id,
                    };
                    self.send_answer(segment, ip, Claim::Answer(Box::new(answer))).await;
                }
            }
        }
    }

    pub(crate) async fn send_port_answer(&self, segment: Segment, target: TcpTarget, answer: io::Result<PortAnswer>) {
        match answer {
            Ok(answer) => {
                let answer =
                    Answer::Port { port: target.port, state: answer.state, banner: answer.banner, rtt: answer.rtt };
                self.send_answer(segment, target.ip, Claim::Answer(Box::new(answer))).await;
            }
            Err(_) => {
                self.counts.failed_total.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn scope(&self, ip: IpAddr) -> Option<&NetworkTools> {
        self.scopes.iter().find(|scope| scope.prefix.contains(&ip))
    }

    pub(crate) fn names(&self, ip: IpAddr) -> &Names {
        let own = self.scope(ip).and_then(|scope| scope.names.as_ref());
        own.unwrap_or_else(|| self.system.get_or_init(Names::system))
    }

    pub(crate) async fn send_answer(&self, segment: Segment, ip: IpAddr, claim: Claim) {
        self.counts.answered_total.fetch_add(1, Ordering::Relaxed);
        let at = Clock::new().now();
        let sighting = Sighting { at, segment, frame_mac: Mac::ZERO, mac: Mac::ZERO, ip: Some(ip), claim };
        // The receiver is closed when the prober is dropped.
        drop(self.answers.send(sighting).await);
    }
}

pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}
