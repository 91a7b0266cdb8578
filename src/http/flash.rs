//! The message after an action.

use axum::response::Response;

use super::see_other;

/// What was just done, told on the next page. It travels as `?klart=…`, so that no page writes when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flash {
    /// Invoice details were changed.
    InvoicingChanged,
    /// Somebody has read them and found them right.
    InvoicingChecked,
    /// Contact data was changed.
    ContactDataChanged,
    /// A new common address waits for its link to be opened.
    AddressAsked,
    /// A new address to sign in with waits for its link to be opened.
    LoginAddressAsked,
    /// A common address that nobody had confirmed was withdrawn.
    AddressWithdrawn,
    /// An organisation's identity, standing or four eyes was changed.
    DataChanged,
    /// Who may do what was signed off.
    AccessReviewed,
    /// How the portal looks in this browser was changed.
    LookChanged,
    /// Mails at once or in a digest was chosen.
    MailsChosen,
    /// Kundservice does not see a customer's pages any more.
    InsightEnded,
    /// Vårdenheter were added or changed.
    UnitsChanged,
    /// A draft was saved.
    Saved,
    /// The agent's handler approved.
    Reviewed,
    /// The agent's attestant attested.
    AttestedByAgent,
    /// The customer's attestant attested.
    AttestedByCustomer,
    /// An order went back for completion.
    SentBack,
    /// An order was refused.
    Rejected,
    /// Inera has told that the work can begin.
    Started,
    /// The work has begun.
    Begun,
    /// The service is delivered.
    Delivered,
    /// A reminder was sent.
    Reminded,
    /// One was sent today already.
    AlreadyReminded,
    /// A message was sent.
    Written,
    /// A file was added.
    Attached,
    /// A file was removed.
    Detached,
    /// The order was taken back.
    Withdrawn,
    /// Notices were marked as read.
    NoticesRead,
    /// Another session was ended.
    SessionEnded,
    /// A forgotten password was replaced.
    PasswordReset,
    /// The password was changed.
    PasswordChanged,
    /// An e-legitimation was connected.
    EidConnected,
    /// An e-legitimation was disconnected.
    EidDisconnected,
    /// A link that the first second step rests on was sent.
    StepLinkSent,
    /// It was opened.
    StepLinkOpened,
    /// A second step was added.
    StepAdded,
    /// The form that adds one was sent again.
    StepAlready,
    /// A second step was removed.
    StepRemoved,
    /// Somebody signed in with a recovery code.
    CodeUsed,
    /// The sign-in took too long.
    SignInAnew,
    /// Kundservice has cleared somebody's second steps.
    StepsCleared,
    /// Inera has blocked an account.
    AccountBlocked,
    /// Inera has opened it again.
    AccountOpened,
    /// A mail will be tried again.
    Requeued,
    /// The order had been sent by an earlier click.
    AlreadySent,
    /// An agent has applied for a mandate.
    MandateAsked,
    /// The agent has answered.
    MandateCompleted,
    /// Inera has asked for more.
    MandateQuestion,
    /// Inera or the attestant has said no.
    MandateRefused,
    /// Inera has said yes.
    MandateForwarded,
    /// The attestant has said yes.
    MandateAttested,
    /// Customers can choose the agent.
    MandateActivated,
    /// The agent has taken it back.
    MandateWithdrawn,
    /// An officer has taken an application.
    ApplicationTaken,
    /// Somebody who applies was asked for more.
    ApplicationAsked,
    /// An application was rejected.
    ApplicationRejected,
    /// An application was approved.
    ApplicationApproved,
    /// An agreement was sent for signature.
    AgreementSent,
    /// An agreement was recalled.
    AgreementRecalled,
    /// Somebody's roles were changed.
    RolesChanged,
    /// A contact was removed.
    ContactRemoved,
    /// Somebody has left an organisation.
    Left,
    /// Somebody is asked whether two accounts are one.
    MergeAsked,
    /// Two accounts stay two.
    MergeDeclined,
    /// Two accounts are one.
    Merged,
    /// An account was closed.
    AccountClosed,
    /// Kundservice has restored a contact.
    ContactRestored,
    /// Somebody stands in for somebody.
    SubstituteNamed,
    /// A substitution was ended.
    SubstituteEnded,
    /// A role was asked for.
    RoleAsked,
    /// Somebody who wanted to become a contact got a no.
    JoinDeclined,
    /// A request got a no.
    RequestDeclined,
    /// An invitation was sent.
    Invited,
    /// It was sent again.
    InvitedAgain,
    /// It was sent a moment ago.
    InvitedTooSoon,
    /// It was taken back.
    InvitationRevoked,
    /// Somebody has said yes to an invitation.
    Joined,
}

impl Flash {
    const ALL: [(Self, &'static str, &'static str); 77] = [
        (
            Self::EidConnected,
            "eid-kopplad",
            "E-legitimationen är kopplad. Nästa gång kan du logga in med den",
        ),
        (Self::EidDisconnected, "eid-borttagen", "E-legitimationen är inte längre kopplad till ditt konto"),
        (Self::StepLinkSent, "steg-lank", "Länken är skickad. Öppna den här i webbläsaren inom 30 minuter"),
        (Self::StepLinkOpened, "steg-oppnad", "Tack. Nu kan du lägga till en kodapp eller passnyckel"),
        (Self::StepAdded, "steg", "Kodappen eller passnyckeln är tillagd"),
        (
            Self::StepAlready,
            "steg-redan",
            "Den är redan tillagd. Har du inte sparat reservkoderna? Skapa nya här",
        ),
        (Self::StepRemoved, "steg-borta", "Kodappen eller passnyckeln är borttagen"),
        (
            Self::CodeUsed,
            "reservkod",
            "Du är inloggad med en reservkod, som nu är förbrukad. Har du förlorat telefonen eller säkerhetsnyckeln? Lägg först till en ny och ta sedan bort den gamla",
        ),
        (Self::SignInAnew, "borja-om", "Det gick för lång tid, eller så har något ändrats. Logga in igen"),
        (
            Self::StepsCleared,
            "steg-rensade",
            "Tvåstegsverifieringen är borttagen och personen är utloggad överallt. Personen får mejl",
        ),
        (
            Self::AccountBlocked,
            "konto-sparrat",
            "Kontot är spärrat och personen är utloggad överallt. Personen och administratörerna får mejl",
        ),
        (
            Self::AccountOpened,
            "konto-oppnat",
            "Kontot är öppet igen. Personen loggar in som förut. Personen och administratörerna får mejl",
        ),
        (Self::PasswordReset, "nytt-losenord", "Lösenordet är bytt. Logga in med det nya"),
        (Self::PasswordChanged, "losenord-bytt", "Lösenordet är bytt, och du är utloggad överallt utom här"),
        (
            Self::InvoicingChanged,
            "faktura",
            "Ändringen är sparad och gäller från den dag du valde. Administratörerna får mejl",
        ),
        (Self::InvoicingChecked, "faktura-ok", "Tack. Det är noterat att uppgifterna stämmer"),
        (Self::ContactDataChanged, "kontaktuppgifter", "Kontaktuppgifterna är ändrade"),
        (
            Self::AddressAsked,
            "ny-adress",
            "Uppgifterna är sparade. Den nya e-postadressen gäller när länken som skickades dit har öppnats",
        ),
        (
            Self::LoginAddressAsked,
            "ny-inloggning",
            "Öppna länken i mejlet till den nya adressen. Till dess loggar du in med den gamla",
        ),
        (
            Self::AddressWithdrawn,
            "adress-tillbaka",
            "Den nya e-postadressen är tillbakadragen. Länken till den går inte att använda",
        ),
        (Self::DataChanged, "uppgifter", "Ändringen är sparad. Administratörerna får mejl"),
        (Self::AccessReviewed, "genomgang", "Tack. Genomgången är sparad. Nästa är om ett år"),
        (Self::LookChanged, "utseende", "Utseendet är ändrat i den här webbläsaren"),
        (Self::MailsChosen, "mejlval", "Valet av mejl är sparat"),
        (Self::InsightEnded, "insyn", "Du ser inte längre kundens sidor"),
        (Self::UnitsChanged, "enheter", "Vårdenheterna är ändrade"),
        (Self::Saved, "sparat", "Utkastet är sparat"),
        (Self::Reviewed, "granskad", "Du har godkänt beställningen. Nu väntar er attestant"),
        (Self::AttestedByAgent, "agent-attest", "Du har attesterat. Nu väntar kundens attestant"),
        (Self::AttestedByCustomer, "attest", "Du har attesterat. Nu har Inera beställningen"),
        (Self::SentBack, "sand-tillbaka", "Beställningen är tillbakasänd. Mottagaren får din motivering"),
        (Self::Rejected, "avslagen", "Beställningen är avslagen. De som berörs får din motivering"),
        (Self::Started, "startad", "Beställningen kan börja levereras. De som berörs får mejl"),
        (Self::Begun, "paborjad", "Det är noterat att arbetet har börjat"),
        (Self::Delivered, "levererad", "Beställningen är levererad. De som berörs får mejl"),
        (Self::Reminded, "paminnelse", "Påminnelsen är skickad"),
        (
            Self::AlreadyReminded,
            "redan-paminnelse",
            "En påminnelse är redan skickad. Nästa kan skickas nästa arbetsdag",
        ),
        (Self::Written, "meddelande", "Meddelandet är skickat"),
        (Self::Attached, "fil", "Filen är bifogad"),
        (Self::Detached, "fil-borta", "Filen är borttagen"),
        (Self::Withdrawn, "aterkallad", "Beställningen är avslutad"),
        (Self::NoticesRead, "lasta", "Aviseringarna är markerade som lästa"),
        (Self::SessionEnded, "session", "Inloggningen är avslutad"),
        (Self::Requeued, "mejl", "Mejlet skickas på nytt"),
        (Self::MandateAsked, "uppdrag-sokt", "Ansökan är skickad till Inera. Du får mejl när något händer"),
        (Self::MandateCompleted, "uppdrag-svar", "Svaret är skickat. Inera fortsätter att granska"),
        (Self::MandateQuestion, "uppdrag-fraga", "Frågan är skickad. Den som ansökte får mejl"),
        (Self::MandateRefused, "uppdrag-nej", "Ansökan är avslagen. Den som ansökte får mejl"),
        (Self::MandateForwarded, "uppdrag-vidare", "Ansökan har gått till agentens attestant, som får mejl"),
        (
            Self::MandateAttested,
            "uppdrag-ja",
            "Agentuppdraget är beviljat. Inera kontaktar er om anslutningen",
        ),
        (
            Self::MandateActivated,
            "uppdrag-aktivt",
            "Agentuppdraget är aktivt. Agentens administratörer får mejl",
        ),
        (Self::MandateWithdrawn, "uppdrag-aterkallat", "Ansökan är återkallad"),
        (Self::ApplicationTaken, "ansokan-tagen", "Du granskar ansökan"),
        (Self::ApplicationAsked, "ansokan-fraga", "Frågan är skickad. Sökanden får mejl"),
        (
            Self::ApplicationRejected,
            "ansokan-avslagen",
            "Ansökan är avslagen. Sökanden får mejl och läser skälet",
        ),
        (
            Self::ApplicationApproved,
            "ansokan-godkand",
            "Ansökan är godkänd. Firmatecknarna får var sin länk till avtalet i mejl",
        ),
        (Self::AgreementSent, "avtal", "Avtalet är skickat. Firmatecknarna får var sin länk i mejl"),
        (Self::AgreementRecalled, "avtal-aterkallat", "Avtalet är återkallat"),
        (Self::RolesChanged, "roller", "Rollerna är ändrade och gäller nu. Personen får mejl"),
        (Self::Left, "lamnat", "Du har lämnat organisationen"),
        (Self::MergeAsked, "fraga-konton", "Frågan är skickad. Inget ändras förrän personen har svarat ja"),
        (
            Self::MergeDeclined,
            "inte-hopslagna",
            "Du har svarat nej. Inget är ändrat, och länken går inte att använda",
        ),
        (Self::Merged, "hopslagna", "Kontona är hopslagna. Logga in med det som finns kvar"),
        (Self::AccountClosed, "avslutat", "Ditt konto är avslutat. En bekräftelse är på väg i mejl"),
        (Self::ContactRemoved, "borttagen", "Kontakten är borttagen"),
        (Self::ContactRestored, "aterstalld", "Kontakten är återställd, utan roller"),
        (Self::SubstituteNamed, "ersattare", "Ersättaren är utsedd. Båda får mejl"),
        (Self::SubstituteEnded, "ersattare-slut", "Personen är inte längre ersättare och får mejl om det"),
        (Self::RoleAsked, "begaran", "Begäran är skickad till administratörerna"),
        (Self::RequestDeclined, "begaran-nej", "Svaret är skickat"),
        (Self::JoinDeclined, "kontakt-nej", "Du har sagt nej. Personen får mejl"),
        (Self::Invited, "inbjudan", "Inbjudan är skickad"),
        (
            Self::InvitedAgain,
            "inbjudan-igen",
            "Inbjudan är skickad igen med en ny länk. Den gamla går inte att använda",
        ),
        (
            Self::InvitedTooSoon,
            "inbjudan-nyss",
            "Inbjudan skickades inte igen, för den skickades nyss. Vänta fem minuter och försök på nytt",
        ),
        (Self::InvitationRevoked, "inbjudan-aterkallad", "Inbjudan är återkallad"),
        (Self::Joined, "valkommen", "Välkommen! Du är nu kontakt hos organisationen"),
        (Self::AlreadySent, "redan-skickad", "Beställningen är redan skickad"),
    ];

    /// The value of `klart`.
    pub fn code(self) -> &'static str {
        Self::ALL.iter().find(|(flash, ..)| *flash == self).map_or("", |(_, code, _)| code)
    }

    /// What is said.
    pub fn text(self) -> &'static str {
        Self::ALL.iter().find(|(flash, ..)| *flash == self).map_or("", |(.., text)| text)
    }

    /// Has anything been done, or is it told why not?
    pub fn is_done(self) -> bool {
        !matches!(
            self,
            Self::AlreadyReminded
                | Self::AlreadySent
                | Self::InvitedTooSoon
                | Self::MergeDeclined
                | Self::SignInAnew
                | Self::StepAlready
        )
    }

    pub(super) fn from_query(query: &str) -> Option<Self> {
        query.split('&').find_map(|pair| pair.strip_prefix("klart=")).and_then(Self::of)
    }

    /// The message with this code.
    pub fn of(code: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == code).map(|(flash, ..)| *flash)
    }

    /// `path` with this message.
    pub fn on(self, path: &str) -> Response {
        let mark = if path.contains('?') { '&' } else { '?' };
        see_other(&format!("{path}{mark}klart={}", self.code()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_has_a_code_of_its_own() {
        for (flash, code, text) in Flash::ALL {
            assert!(Flash::of(code) == Some(flash) && flash.text() == text, "{code}");
        }
    }
}
