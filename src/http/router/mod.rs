//! The one table of routes: method, path, who may pass, how much may be sent, handler.

mod orders;
mod organisations;
mod people;

use axum::{
    Router,
    http::Method,
    middleware::from_fn_with_state,
    routing::{MethodFilter, MethodRouter, get, on},
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, csrf::CsrfLayer};

use super::{AppError, assets, layers, layers::Pass, pages};
use crate::{app::App, identity::Side};

/// Who may pass to a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Anyone, in the demo only.
    Demo,
    /// The holder of a signing link, which the handler opens.
    Link,
    /// A signed-in person.
    Person,
    /// A member of the customer in the address.
    Customer,
    /// A member of the agent in the address.
    Agent,
    /// Inera's staff.
    Staff,
}

impl Access {
    /// `None` = no session is looked up; `Some(None)` = a session without an organisation.
    #[expect(clippy::option_option, reason = "the three cases are these")]
    pub(super) fn side(self) -> Option<Option<Side>> {
        match self {
            Self::Public | Self::Demo | Self::Link => None,
            Self::Person => Some(None),
            Self::Customer => Some(Some(Side::Customer)),
            Self::Agent => Some(Some(Side::Agent)),
            Self::Staff => Some(Some(Side::Inera)),
        }
    }
}

/// Room for any form of ours.
const FORM: usize = 64 * 1024;
/// Room for a pasted list: a letter may take six bytes on the way.
const LIST: usize = 512 * 1024;
/// Room for a file of 10 MiB and the form around it.
const FILE: usize = 10 * 1024 * 1024 + FORM;

/// One row of the table.
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path pattern.
    pub path: &'static str,
    /// Who.
    pub access: Access,
    /// Largest body.
    pub body: usize,
    handler: MethodRouter<App>,
}

fn row<H, T>(method: Method, path: &'static str, access: Access, handler: H) -> Route
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    let filter = if method == Method::POST { MethodFilter::POST } else { MethodFilter::GET };
    Route { method, path, access, body: FORM, handler: on(filter, handler) }
}

fn show<H: axum::handler::Handler<T, App>, T: 'static>(
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    row(Method::GET, path, access, handler)
}

fn send<H: axum::handler::Handler<T, App>, T: 'static>(
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    row(Method::POST, path, access, handler)
}

impl Route {
    fn with_file(mut self) -> Self {
        self.body = FILE;
        self
    }

    fn with_list(mut self) -> Self {
        self.body = LIST;
        self
    }
}

/// Every page and action of the portal.
pub fn table() -> Vec<Route> {
    [
        people::open(),
        people::account(),
        people::customers_contacts(),
        people::agents_contacts(),
        people::staff_contacts(),
        people::inera_contacts(),
        orders::customer(),
        orders::agent(),
        orders::mandates(),
        orders::staff(),
        organisations::organisations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The whole service.
pub fn router(app: &App) -> Router {
    let mut router = Router::new()
        .route("/static/{hash}/{name}", get(assets::show))
        .route("/halsa", get(pages::live))
        .route("/redo", get(pages::ready));
    for route in table() {
        let pass = Pass { access: route.access, body: route.body };
        let guarded = route.handler.layer(from_fn_with_state((app.clone(), pass), layers::guard));
        router = router.route(route.path, guarded);
    }
    router
        .fallback(|| async { AppError::NotFound })
        .layer(CsrfLayer::new())
        .layer(CatchPanicLayer::custom(layers::panicked))
        .layer(from_fn_with_state(app.clone(), layers::front))
        .layer(CompressionLayer::new().quality(tower_http::CompressionLevel::Fastest))
        .with_state(app.clone())
}
