//! The conversation of a stream, whatever carries it (the Fleet reference, sections 11.5 and 11.6).

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use store::fleet::campaign::{self, State};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::campaign_state::{Campaign, Delivery, Reader};
use super::complete;
use super::host_state::States;
use super::message::{self, Incoming, Status, Totals};
use crate::gate;
use crate::server::Fleet;

/// How long a client may take to say who it is and what it wants.
const FIRST_MESSAGES_WITHIN: Duration = Duration::from_secs(30);
/// How often numbers are counted anew.
const TICK: Duration = Duration::from_secs(5);
/// The same, after results.
const TICK_AFTER_RESULT: Duration = Duration::from_millis(250);

/// Messages to the client; a closed one means that the client left.
pub type Outlet = mpsc::Sender<Arc<str>>;

/// Speaks with a client until it leaves or there is nothing more to say.
pub async fn converse(fleet: Arc<Fleet>, mut from: mpsc::Receiver<String>, to: Outlet) {
    let campaign = match tokio::time::timeout(FIRST_MESSAGES_WITHIN, introduce(&fleet, &mut from)).await {
        Ok(Ok(campaign)) => campaign,
        Ok(Err(Some(text))) => {
            let _ = to.send(message::error(&text)).await;
            return;
        }
        // A client that does not say who it is gets no words.
        Ok(Err(None)) | Err(_) => return,
    };
    let id = campaign.id;
    stream(&fleet, &campaign, from, &to).await;
    complete(&fleet, id).await;
}

/// The campaign that the client wants; an error text, or `None` to say nothing.
async fn introduce(
    fleet: &Fleet,
    from: &mut mpsc::Receiver<String>,
) -> Result<Arc<Campaign>, Option<String>> {
    let say = |text: &str| Some(text.to_owned());
    let auth =
        from.recv().await.and_then(|text| Incoming::parse(&text)).filter(|message| message.kind == "auth");
    let token = auth.and_then(|message| message.data["token"].as_str().map(String::from)).ok_or(None)?;
    let user = gate::find(fleet, token).await.map_err(|_| say("unauthorized"))?.1;
    if user.force_password_reset {
        return Err(say("unauthorized"));
    }
    let select = from.recv().await.ok_or(None)?;
    let select = Incoming::parse(&select).ok_or_else(|| say("error reading select_campaign"))?;
    if select.kind != "select_campaign" {
        return Err(say("expected select_campaign"));
    }
    let id = match &select.data {
        Json::Object(data) => data.get("campaign_id").map_or(Some(0), Json::as_u64),
        _ => None,
    };
    let id = id
        .and_then(|id| u32::try_from(id).ok())
        .ok_or_else(|| say("error unmarshaling select_campaign data"))?;
    if id == 0 {
        return Err(say("0 is not a valid campaign ID"));
    }
    let owner = fleet.db.read(move |tx| campaign::user_of(tx, id)).await;
    let owner = owner.map_err(|_| say("error retrieving campaign targets: the database failed"))?;
    let owner = owner.ok_or_else(|| say(&format!("cannot find campaign for ID {id}")))?;
    if owner != user.id || (user.global_role.is_none() && user.teams.is_empty()) {
        return Err(say("forbidden"));
    }
    fleet.live.find(id).ok_or_else(|| say("error getting campaign reader: the campaign has ended"))
}

/// What was said last, so that it is not said again.
struct Said {
    totals: Totals,
    status: Status,
    sent: u64,
    finished: bool,
}

async fn stream(fleet: &Arc<Fleet>, campaign: &Arc<Campaign>, mut from: mpsc::Receiver<String>, to: &Outlet) {
    let (waiting, Reader { mut results, too_slow }) = campaign.read();
    let id = campaign.id;
    let running = fleet.db.write(move |tx| campaign::set_state(tx, id, State::Running)).await;
    if let Err(error) = running {
        tracing::warn!(target: "live", campaign = id, %error, "the beginning of a campaign was not written");
    }
    let status =
        Status { expected_results: 0, actual_results: 0, status: "pending", hosts: States::default() };
    let mut said = Said { totals: Totals::default(), status, sent: 0, finished: false };
    if tell(fleet, campaign, &mut said, to).await.is_err() {
        return;
    }
    for delivery in waiting {
        if send(&mut said, delivery, to).await.is_err() {
            return;
        }
    }
    let mut tick = tokio::time::interval_at(Instant::now() + TICK_AFTER_RESULT, TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_count = Instant::now();
    loop {
        let going_on = tokio::select! {
            () = to.closed() => return,
            () = too_slow.cancelled() => {
                let _ = to.try_send(message::error("the client did not keep up with the results, run the query again"));
                return;
            }
            () = campaign.ended.cancelled() => return,
            text = from.recv() => match text {
                // Nothing more is expected of a client.
                Some(_) => Ok(()),
                None => return,
            },
            Some(delivery) = results.recv() => {
                let sent = send(&mut said, delivery, to).await;
                if Instant::now() >= next_count {
                    next_count = Instant::now() + TICK_AFTER_RESULT;
                    tick.reset_after(TICK_AFTER_RESULT);
                }
                sent
            }
            _ = tick.tick() => tell(fleet, campaign, &mut said, to).await,
        };
        if going_on.is_err() {
            return;
        }
    }
}

async fn send(said: &mut Said, delivery: Delivery, to: &Outlet) -> Result<(), ()> {
    said.sent += 1;
    to.send(delivery.text).await.map_err(drop)
}

/// Says the numbers that changed.
async fn tell(fleet: &Fleet, campaign: &Campaign, said: &mut Said, to: &Outlet) -> Result<(), ()> {
    let counts = message::count(fleet, &campaign.targets);
    let totals = Totals {
        count: counts.total,
        online: counts.online,
        offline: counts.offline,
        missing_in_action: counts.mia,
    };
    said.finished |= said.sent >= counts.online;
    let status = Status {
        expected_results: counts.online,
        actual_results: said.sent,
        status: if said.finished { "finished" } else { "pending" },
        hosts: message::states(fleet, campaign),
    };
    if totals != said.totals {
        said.totals = totals;
        to.send(message::totals(totals)).await.map_err(drop)?;
    }
    // What else there is to it is not worth a message of its own.
    if !status.is_as_far_as(&said.status) {
        said.status = status;
        to.send(message::status_text(status)).await.map_err(drop)?;
    }
    Ok(())
}
