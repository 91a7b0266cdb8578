//! One order, for each side: who has it now, the way it has come, the log, messages and files.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{OrderPath, Party, Whole, load_whole, view::OrderView};
use crate::{
    db::DbError,
    http::{AppError, Chrome, Cx, Errors, Path},
    identity::{Side, policy::ActionKind},
    orders::domain::{Order, State},
};

/// A button on the page.
pub struct Button {
    /// Text.
    pub label: &'static str,
    /// Address.
    pub href: String,
    /// The page's main action.
    pub primary: bool,
    /// Ends something.
    pub danger: bool,
}

#[derive(Template)]
#[template(path = "orders/show.html")]
struct ShowPage {
    chrome: Chrome,
    order: OrderView,
    list_href: String,
    buttons: Vec<Button>,
    here: String,
    can_talk: bool,
    can_attach: bool,
    can_remind: bool,
    reminded: String,
    audience: String,
    delivery: Option<DeliveryForm>,
    can_begin: bool,
    can_copy: bool,
    errors: Errors,
    message: String,
}

/// What Kundservice may do next.
struct DeliveryForm {
    next: &'static str,
    label: &'static str,
    hint: &'static str,
    may_reject: bool,
}

/// `GET {side}/bestallningar/{nummer}`
pub async fn show<S: Party>(cx: Cx<S>, Path(path): Path<OrderPath>) -> Result<Response, AppError> {
    page(cx, &path.nummer, StatusCode::OK, Errors::none(), String::new()).await
}

/// The page, also when a message or a file came back with something to mend.
pub(super) async fn page<S: Party>(
    mut cx: Cx<S>,
    number: &str,
    status: StatusCode,
    errors: Errors,
    message: String,
) -> Result<Response, AppError> {
    let Whole { order, detail, catalogue } = load_whole(&mut cx, number).await?;
    let now = cx.app.clock().now();
    let base = cx.actor.base();
    let here = format!("{base}/bestallningar/{}", order.number);
    let facts = order.facts();
    let may = |action| cx.actor.may(action, &facts);
    let order_view = OrderView::new(&catalogue, &order, &detail, S::READER, &base, now);
    let prefix = errors.title_prefix();
    let today = crate::calendar::working_day_of(cx.app.clock().today());
    let page = ShowPage {
        chrome: cx.chrome(&format!("{prefix}{} {}", order.number, order_view.title)),
        list_href: match S::READER {
            Side::Agent => format!("{base}/godkannanden"),
            _ => format!("{base}/bestallningar"),
        },
        buttons: buttons(&cx, &order, &here),
        can_talk: order.submitted_at.is_some() && !order.state.is_closed() && may(ActionKind::Converse),
        can_attach: match order.state {
            State::Draft => may(ActionKind::Submit),
            state => !state.is_closed() && may(ActionKind::Converse),
        },
        can_remind: order.state.is_waiting()
            && order.state.ball() != Some(S::READER)
            && may(ActionKind::Remind)
            && detail.reminded_on != Some(today),
        reminded: match detail.reminded_on {
            Some(day) if day == today => {
                "En påminnelse om beställningen har redan skickats i dag. Nästa kan skickas nästa arbetsdag."
                    .to_owned()
            }
            _ => String::new(),
        },
        audience: audience(&order, S::READER),
        delivery: may(ActionKind::Deliver).then(|| delivery(&order)).flatten(),
        can_begin: order.state == State::ReadyToConnect && may(ActionKind::BeginAsAgent),
        can_copy: S::READER == Side::Customer && order.submitted_at.is_some() && may(ActionKind::Submit),
        here,
        order: order_view,
        errors,
        message,
    };
    cx.show_as(status, page).await
}

/// Exactly who reads what is written in the box.
fn audience(order: &Order, reader: Side) -> String {
    let own = match reader {
        Side::Customer => format!(
            "er organisation{}",
            if order.agent_name.is_empty() { String::new() } else { format!(", {}", order.agent_name) }
        ),
        Side::Agent => format!("er organisation, {}", order.customer_name),
        _ if order.agent_name.is_empty() => order.customer_name.clone(),
        _ => format!("{}, {}", order.customer_name, order.agent_name),
    };
    let inera = if reader == Side::Inera { "Ineras personal" } else { "Inera" };
    format!("Läses av {own} och {inera}.")
}

fn buttons<S: Party>(cx: &Cx<S>, order: &Order, here: &str) -> Vec<Button> {
    let facts = order.facts();
    let may = |action| cx.actor.may(action, &facts);
    let base = cx.actor.base();
    let mut buttons = Vec::new();
    let mut add = |shown: bool, label, href: String, primary, danger| {
        if shown {
            buttons.push(Button { label, href, primary, danger });
        }
    };
    match S::READER {
        Side::Customer => {
            let withdraws = order.open().is_some() && may(ActionKind::Withdraw);
            add(
                withdraws,
                if order.state == State::Draft { "Ta bort utkastet" } else { "Ta tillbaka" },
                format!("{here}/ta-tillbaka"),
                false,
                true,
            );
            let edits = order.state.is_editable() && may(ActionKind::Submit);
            let label = if order.state == State::Draft { "Fortsätt beställningen" } else { "Komplettera" };
            add(edits, label, format!("{base}/bestall/{}", order.number), true, false);
            let attests = order.state == State::AwaitingCustomerAttest && may(ActionKind::AttestAsCustomer);
            add(attests, "Läs och attestera", format!("{here}/attestera"), true, false);
        }
        Side::Agent => {
            let reviews = order.state == State::AwaitingAgentReview && may(ActionKind::Review);
            add(reviews, "Granska", format!("{base}/godkannanden/{}", order.number), true, false);
            let attests = order.state == State::AwaitingAgentAttest && may(ActionKind::AttestAsAgent);
            add(attests, "Läs och attestera", format!("{base}/attester/{}", order.number), true, false);
        }
        Side::Inera => {
            let ends = order.open().is_some() && order.state != State::Draft && may(ActionKind::Intervene);
            add(ends, "Avsluta åt kunden", format!("{here}/avsluta"), false, true);
            let edits = order.state == State::Draft && order.placed_by_staff && may(ActionKind::Submit);
            let href = format!("/inera/kunder/{}/bestall/{}", order.customer_no, order.number);
            add(edits, "Fortsätt beställningen", href, true, false);
        }
        Side::System => {}
    }
    // What ends something stands last.
    buttons.sort_by_key(|button| button.danger);
    buttons
}

fn delivery(order: &Order) -> Option<DeliveryForm> {
    let form = |next, label, hint, may_reject| Some(DeliveryForm { next, label, hint, may_reject });
    match (order.state, order.agent) {
        (State::Attested, Some(_)) => form(
            "starta",
            "Meddela agenten att anslutningen kan börja",
            "Kundavtal och Agentavtal kontrolleras. Agenten och kunden får mejl.",
            true,
        ),
        (State::Attested, None) => form(
            "starta",
            "Påbörja leveransen",
            "Kunden får mejl om hur de får tillgång till tjänsten.",
            true,
        ),
        (State::ReadyToConnect, _) => {
            form("paborjad", "Notera att agenten har påbörjat", "Agenten kan också göra det själv.", false)
        }
        (State::InDelivery, _) => form(
            "leverera",
            "Markera som levererad",
            "Tjänsten läggs till bland kundens tjänster. Kunden och agenten får mejl.",
            false,
        ),
        _ => None,
    }
}

/// 404 instead of an alarm: an id of another order in a file's address is a page that does not exist.
pub(super) fn hidden(error: DbError) -> AppError {
    match error {
        DbError::Denied(_) => AppError::NotFound,
        other => other.into(),
    }
}
