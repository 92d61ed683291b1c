//! How the cluster stands, as JSON.

use homeostat_cluster::members::{Ability, Overview, Role, Seat, overview};
use homeostat_engine::Store;
use serde_json::{Value as Json, json};

use super::{Cluster, Seen, word};
use crate::place::about;

impl Cluster {
    /// Everything about the members and hosts that is known now. Where the store is away, what was known last.
    pub(crate) async fn report(&self, store: &dyn Store) -> Json {
        let identity = self.identity();
        let host = identity.settings.host.as_str();
        let hosts = about::hosts(store).await;
        let mut trouble = hosts.as_ref().err().map(|error| format!("{error:#}"));
        let mut report = json!({
            "cluster": identity.settings.cluster.as_str(),
            "host": host,
            "hosts": hosts.unwrap_or_else(|_| json!([])),
        });
        if let Some(own) = &self.own {
            let seen = own.seen.borrow().clone();
            let members = match overview(&own.store).await {
                Ok(overview) => members(&overview),
                Err(error) => {
                    trouble.get_or_insert(error.to_string());
                    last_known(&seen)
                }
            };
            report["members"] = members;
            report["own"] = own_part(&seen, host);
        }
        report["trouble"] = trouble.into();
        report
    }
}

fn members(overview: &Overview) -> Json {
    let zone = |host: &str| overview.offers.iter().find(|offer| offer.host == host).map(|offer| &*offer.zone);
    let mut seats: Vec<&Seat> = overview.roster.seats.iter().collect();
    seats.sort_by_key(|seat| &seat.host);
    let seats = seats.into_iter().map(|seat| {
        let mut shown = shown(seat);
        shown["zone"] = zone(&seat.host).into();
        shown["trouble"] = overview.unwell.get(&seat.id).map(String::as_str).into();
        shown
    });
    let reserve = overview.reserve().map(|offer| {
        let trouble = match &offer.ability {
            Ability::Able => None,
            Ability::Unable { why } => Some(why.clone()),
            Ability::Lost { .. } => Some("the data of the member that it was is gone".to_owned()),
        };
        json!({ "host": offer.host, "role": "reserve", "zone": offer.zone, "trouble": trouble })
    });
    json!({
        "wanted": overview.wanted,
        "elected": overview.elected,
        "doing": overview.step.as_ref().map(|step| overview.describe(step)),
        "hosts": seats.chain(reserve).collect::<Vec<_>>(),
    })
}

fn last_known(seen: &Seen) -> Json {
    let seats = seen.roster().map(|roster| roster.seats.iter().map(shown).collect::<Vec<_>>());
    json!({ "elected": seen.elected(), "doing": seen.doing(), "hosts": seats.unwrap_or_default() })
}

fn shown(seat: &Seat) -> Json {
    let role = if seat.votes { Role::Member } else { Role::Learner };
    json!({ "host": seat.host, "role": word(role), "url": seat.client_url })
}

/// The part of this host.
pub(crate) fn own_part(seen: &Seen, host: &str) -> Json {
    json!({
        "role": seen.part_of(host),
        "elected": seen.elected(),
        "doing": seen.doing(),
        "trouble": seen.trouble(),
    })
}
