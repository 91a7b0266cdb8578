//! What a handler is given: the acting person on one side, with the request's transaction already open.

use std::{marker::PhantomData, sync::Arc};

use askama::Template;
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{Html, IntoResponse, Response},
};
use tokio::sync::Mutex;

use super::{AppError, Chrome};
use crate::{
    app::App,
    audit::Audit,
    db::{Mode, Tx},
    identity::{Actor, Side, token::Token},
};

/// Bytes that hold a list of 50 rows, so that a page need not grow by copying.
const USUAL_PAGE: usize = 48 * 1024;

/// A page of a customer.
#[derive(Debug)]
pub enum Customer {}
/// A page of an agent.
#[derive(Debug)]
pub enum Agent {}
/// A page of Inera's staff.
#[derive(Debug)]
pub enum Staff {}
/// A page of the person alone.
#[derive(Debug)]
pub enum Person {}

/// Which side a handler is for.
pub trait For: Send + Sync + 'static {
    /// The side, or `None` for pages of the person alone.
    const SIDE: Option<Side>;
}
impl For for Customer {
    const SIDE: Option<Side> = Some(Side::Customer);
}
impl For for Agent {
    const SIDE: Option<Side> = Some(Side::Agent);
}
impl For for Staff {
    const SIDE: Option<Side> = Some(Side::Inera);
}
impl For for Person {
    const SIDE: Option<Side> = None;
}

/// What the guard of the route table hands over: opened once, taken once.
pub(super) struct Opened {
    pub actor: Actor,
    pub tx: Tx,
    pub token: Token,
    pub path: String,
    pub flash: Option<super::Flash>,
}

pub(super) type Slot = Arc<Mutex<Option<Opened>>>;

/// The acting person, the open transaction and what the page around the answer needs.
pub struct Cx<S: For> {
    /// The program.
    pub app: App,
    /// Who asks.
    pub actor: Actor,
    /// The request's one transaction.
    pub tx: Tx,
    /// The session's token, for pages about the session itself.
    pub token: Token,
    path: String,
    flash: Option<super::Flash>,
    side: PhantomData<S>,
}

impl<S: For> FromRequestParts<App> for Cx<S> {
    type Rejection = AppError;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, AppError> {
        let slot = parts.extensions.get::<Slot>().cloned();
        let opened = match slot {
            Some(slot) => slot.lock().await.take(),
            None => None,
        };
        let opened = opened.ok_or_else(|| AppError::Internal("the route has no guard".to_owned()))?;
        if opened.actor.side() != S::SIDE {
            return Err(AppError::Internal("the route's guard is for another side".to_owned()));
        }
        Ok(Self {
            app: app.clone(),
            actor: opened.actor,
            tx: opened.tx,
            token: opened.token,
            path: opened.path,
            flash: opened.flash,
            side: PhantomData,
        })
    }
}

impl<S: For> Cx<S> {
    /// The frame around a page: menu, organisation, notices.
    pub fn chrome(&self, title: &str) -> Chrome {
        Chrome::signed_in(&self.app, &self.actor, &self.token, title, &self.path, self.flash)
    }

    /// Ends the reading transaction and shows the page.
    pub async fn show<T: Template>(self, page: T) -> Result<Response, AppError> {
        self.show_as(StatusCode::OK, page).await
    }

    /// The same with another status: 422 for a form that came back, 403 and 409 for decisions that can't be made.
    pub async fn show_as<T: Template>(self, status: StatusCode, page: T) -> Result<Response, AppError> {
        self.tx.end().await?;
        let mut html = String::with_capacity(USUAL_PAGE);
        page.render_into(&mut html)?;
        Ok((status, Html(html)).into_response())
    }

    /// The same person and side with a fresh transaction; the old one, perhaps broken by a refusal, is ended.
    pub async fn reopen(self) -> Result<Self, AppError> {
        let (again, spent) = self.split().await?;
        spent.end().await?;
        Ok(again)
    }

    /// The same person and side with a fresh transaction, and the old one to be committed.
    pub async fn split(self) -> Result<(Self, Tx), AppError> {
        let entered =
            self.app.db().enter(&self.token.hash(), S::SIDE, self.actor.org_no(), Mode::Write).await?;
        let (entered, tx) = entered.ok_or(AppError::NotFound)?;
        let actor = Actor::new(entered, S::SIDE).ok_or(AppError::NotFound)?;
        let again = Self {
            app: self.app,
            actor,
            tx,
            token: self.token,
            path: self.path,
            flash: self.flash,
            side: PhantomData,
        };
        Ok((again, self.tx))
    }

    /// Commits what was done together with its audit entry.
    pub async fn commit(self, audit: Audit) -> Result<(), AppError> {
        self.tx.commit(audit).await.map_err(AppError::from)
    }
}
