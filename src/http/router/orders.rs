//! Orders, services, agreements and notices, as each side sees them.

use super::{Access, Route, send, show};
use crate::{
    agreements::web as agreements,
    applications::web as applications,
    http::context,
    notices::web as notices,
    orders::web::{self as orders, decide, draft, services, talk},
    outbox::web as outbox,
};

pub(super) fn customer() -> Vec<Route> {
    use context::Customer as C;
    let access = Access::Customer;
    vec![
        show("/kund/{kundnr}", access, orders::customer::start),
        show("/kund/{kundnr}/tjanster", access, services::index),
        show("/kund/{kundnr}/tjanster/{tjanst}", access, services::show),
        send("/kund/{kundnr}/bestall", access, draft::start::create::<C>),
        show("/kund/{kundnr}/bestall/{nummer}", access, draft::start::resume::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::edit::<C>),
        send("/kund/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::update::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/forutsattningar", access, draft::connection::conditions::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::edit::<C>),
        send("/kund/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::update::<C>),
        show("/kund/{kundnr}/bestall/{nummer}/granska", access, draft::review::show::<C>),
        send("/kund/{kundnr}/bestall/{nummer}/granska", access, draft::review::submit::<C>),
        show("/kund/{kundnr}/bestallningar", access, orders::customer_list::index),
        show("/kund/{kundnr}/bestallningar/{nummer}", access, orders::show::show::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/skickad", access, draft::review::sent::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/attestera", access, decide::customer_attest_new),
        send("/kund/{kundnr}/bestallningar/{nummer}/attestera", access, decide::customer_attest_create),
        show("/kund/{kundnr}/bestallningar/{nummer}/ta-tillbaka", access, orders::end::withdraw_new),
        send("/kund/{kundnr}/bestallningar/{nummer}/ta-tillbaka", access, orders::end::withdraw_create),
        send("/kund/{kundnr}/bestallningar/{nummer}/kopiera", access, draft::start::copy),
        send("/kund/{kundnr}/bestallningar/{nummer}/paminnelse", access, talk::remind::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/meddelanden", access, talk::back::<C>),
        send("/kund/{kundnr}/bestallningar/{nummer}/meddelanden", access, talk::write::<C>),
        show("/kund/{kundnr}/bestallningar/{nummer}/bilagor", access, talk::back::<C>),
        send("/kund/{kundnr}/bestallningar/{nummer}/bilagor", access, talk::attach::<C>).with_file(),
        show("/kund/{kundnr}/bestallningar/{nummer}/bilagor/{fil}", access, talk::file::<C>),
        send("/kund/{kundnr}/bestallningar/{nummer}/bilagor/{fil}/ta-bort", access, talk::detach::<C>),
        show("/kund/{kundnr}/attester", access, orders::customer::attests),
        show("/kund/{kundnr}/avtal", access, agreements::own::index::<C>),
        show("/kund/{kundnr}/avtal/{nummer}", access, agreements::own::show::<C>),
        show("/kund/{kundnr}/aviseringar", access, notices::index::<C>),
        send("/kund/{kundnr}/aviseringar", access, notices::mark_read::<C>),
    ]
}

pub(super) fn agent() -> Vec<Route> {
    use context::Agent as A;
    let access = Access::Agent;
    vec![
        show("/agent/{agentnr}", access, orders::agent::start),
        show("/agent/{agentnr}/godkannanden", access, orders::agent::inbox),
        show("/agent/{agentnr}/godkannanden/{nummer}", access, decide::review_new),
        send("/agent/{agentnr}/godkannanden/{nummer}", access, decide::review_create),
        show("/agent/{agentnr}/attester", access, orders::agent::attests),
        show("/agent/{agentnr}/attester/{nummer}", access, decide::agent_attest_new),
        send("/agent/{agentnr}/attester/{nummer}", access, decide::agent_attest_create),
        show("/agent/{agentnr}/bestallningar/{nummer}", access, orders::show::show::<A>),
        send("/agent/{agentnr}/bestallningar/{nummer}/paborjad", access, orders::agent::begin),
        send("/agent/{agentnr}/bestallningar/{nummer}/paminnelse", access, talk::remind::<A>),
        show("/agent/{agentnr}/bestallningar/{nummer}/meddelanden", access, talk::back::<A>),
        send("/agent/{agentnr}/bestallningar/{nummer}/meddelanden", access, talk::write::<A>),
        show("/agent/{agentnr}/bestallningar/{nummer}/bilagor", access, talk::back::<A>),
        send("/agent/{agentnr}/bestallningar/{nummer}/bilagor", access, talk::attach::<A>).with_file(),
        show("/agent/{agentnr}/bestallningar/{nummer}/bilagor/{fil}", access, talk::file::<A>),
        show("/agent/{agentnr}/avtal", access, agreements::own::index::<A>),
        show("/agent/{agentnr}/avtal/{nummer}", access, agreements::own::show::<A>),
        show("/agent/{agentnr}/aviseringar", access, notices::index::<A>),
        send("/agent/{agentnr}/aviseringar", access, notices::mark_read::<A>),
    ]
}

pub(super) fn staff() -> Vec<Route> {
    use context::Staff as S;
    let access = Access::Staff;
    vec![
        show("/inera", access, orders::staff::start),
        show("/inera/bestallningar", access, orders::staff::index),
        show("/inera/bestallningar/{nummer}", access, orders::show::show::<S>),
        show("/inera/bestallningar/{nummer}/skickad", access, draft::review::sent::<S>),
        send("/inera/bestallningar/{nummer}/leverans", access, orders::staff::deliver),
        show("/inera/bestallningar/{nummer}/avsluta", access, orders::end::intervene_new),
        send("/inera/bestallningar/{nummer}/avsluta", access, orders::end::intervene_create),
        send("/inera/bestallningar/{nummer}/paminnelse", access, talk::remind::<S>),
        show("/inera/bestallningar/{nummer}/meddelanden", access, talk::back::<S>),
        send("/inera/bestallningar/{nummer}/meddelanden", access, talk::write::<S>),
        show("/inera/bestallningar/{nummer}/bilagor", access, talk::back::<S>),
        send("/inera/bestallningar/{nummer}/bilagor", access, talk::attach::<S>).with_file(),
        show("/inera/bestallningar/{nummer}/bilagor/{fil}", access, talk::file::<S>),
        send("/inera/bestallningar/{nummer}/bilagor/{fil}/ta-bort", access, talk::detach::<S>),
        show("/inera/kunder", access, orders::staff::customers),
        show("/inera/kunder/{kundnr}", access, orders::staff::customer),
        send("/inera/kunder/{kundnr}/bestall", access, draft::start::create::<S>),
        show("/inera/kunder/{kundnr}/bestall/{nummer}", access, draft::start::resume::<S>),
        show("/inera/kunder/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::edit::<S>),
        send("/inera/kunder/{kundnr}/bestall/{nummer}/anslutning", access, draft::connection::update::<S>),
        show(
            "/inera/kunder/{kundnr}/bestall/{nummer}/forutsattningar",
            access,
            draft::connection::conditions::<S>,
        ),
        show("/inera/kunder/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::edit::<S>),
        send("/inera/kunder/{kundnr}/bestall/{nummer}/omfattning", access, draft::scope::update::<S>),
        show("/inera/kunder/{kundnr}/bestall/{nummer}/granska", access, draft::review::show::<S>),
        send("/inera/kunder/{kundnr}/bestall/{nummer}/granska", access, draft::review::submit::<S>),
        show("/inera/ansokningar", access, applications::staff::index),
        show("/inera/ansokningar/{ansokan}", access, applications::staff::show),
        send("/inera/ansokningar/{ansokan}/ta", access, applications::staff::take),
        send("/inera/ansokningar/{ansokan}/bjud-in-igen", access, applications::staff::invite_again),
        show("/inera/ansokningar/{ansokan}/nagon-annan", access, applications::other::new),
        send("/inera/ansokningar/{ansokan}/nagon-annan", access, applications::other::create),
        show("/inera/ansokningar/{ansokan}/komplettera", access, applications::decide::ask_new),
        send("/inera/ansokningar/{ansokan}/komplettera", access, applications::decide::ask_create),
        show("/inera/ansokningar/{ansokan}/avsla", access, applications::decide::reject_new),
        send("/inera/ansokningar/{ansokan}/avsla", access, applications::decide::reject_create),
        show("/inera/ansokningar/{ansokan}/godkann", access, applications::decide::approve_new),
        send("/inera/ansokningar/{ansokan}/godkann", access, applications::decide::approve_create),
        show("/inera/avtal", access, agreements::staff::index),
        show("/inera/avtal/nytt", access, agreements::staff::new),
        send("/inera/avtal/nytt", access, agreements::staff::create),
        show("/inera/avtal/{nummer}", access, agreements::own::show::<S>),
        show("/inera/avtal/{nummer}/aterkalla", access, agreements::staff::recall_new),
        send("/inera/avtal/{nummer}/aterkalla", access, agreements::staff::recall_create),
        show("/inera/mejl", access, outbox::index),
        send("/inera/mejl/{id}/skicka-igen", access, outbox::revive),
        show("/inera/aviseringar", access, notices::index::<S>),
        send("/inera/aviseringar", access, notices::mark_read::<S>),
    ]
}

/// Agentuppdrag: the agents' and Inera's.
pub(super) fn mandates() -> Vec<Route> {
    use crate::mandates::web::{apply, decide, list, show as one};
    let (agent, staff) = (Access::Agent, Access::Staff);
    vec![
        show("/agent/{agentnr}/uppdrag", agent, list::own),
        show("/agent/{agentnr}/uppdrag/ansok", agent, apply::choose),
        show("/agent/{agentnr}/uppdrag/ansok/{erbjudande}", agent, apply::new),
        send("/agent/{agentnr}/uppdrag/ansok/{erbjudande}", agent, apply::create),
        show("/agent/{agentnr}/uppdrag/{ansokan}", agent, one::own),
        show("/agent/{agentnr}/uppdrag/{ansokan}/komplettering", agent, apply::complete_new),
        send("/agent/{agentnr}/uppdrag/{ansokan}/komplettering", agent, apply::complete_create),
        show("/agent/{agentnr}/uppdrag/{ansokan}/{steg}", agent, decide::own_new),
        send("/agent/{agentnr}/uppdrag/{ansokan}/{steg}", agent, decide::own_create),
        show("/inera/uppdrag", staff, list::index),
        show("/inera/uppdrag/{ansokan}", staff, one::staff),
        show("/inera/uppdrag/{ansokan}/{steg}", staff, decide::staff_new),
        send("/inera/uppdrag/{ansokan}/{steg}", staff, decide::staff_create),
    ]
}
