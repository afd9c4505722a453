//! How a carrier wants forwarding to be dialled: templates that become codes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mmi::{Code, Condition, Dialled, Invalid, Procedure, Service, Timer};

/// Whose line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CarrierId {
    /// Verizon Wireless.
    Verizon,
    /// T-Mobile in the United States.
    TMobile,
    /// AT&T Wireless.
    Att,
    /// A landline or a fixed VoIP line of AT&T, Verizon or another American exchange carrier.
    Landline,
    /// US Cellular.
    UsCellular,
    /// A reseller or prepaid brand: Google Fi, Mint, Metro, Cricket, Visible and others.
    Reseller,
    /// A mobile network outside the United States.
    Gsm,
}

/// Which calls are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// All of them, at once.
    All,
    /// Those that are missed: nobody answers, the line is busy, the phone is out of reach.
    Missed,
    /// Those that nobody answers.
    NoAnswer,
    /// Those that come while the line is busy.
    Busy,
    /// Those that come while the phone is off or out of reach.
    Unreachable,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::All, Self::Missed, Self::NoAnswer, Self::Busy, Self::Unreachable];

    /// As in the input of `set-up-forwarding`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Missed => "missed",
            Self::NoAnswer => "no-answer",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
        }
    }
}

/// How sure it is that the codes work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// By the standard, or by many guides that agree.
    Good,
    /// It depends on the exchange.
    Varies,
    /// Nobody could say for sure.
    Doubtful,
}

/// How a destination is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `+15551230002`; `+` is 0 held down.
    International,
    /// `15551230002`.
    CountryAndNational,
    /// `5551230002`.
    National,
}

impl Format {
    /// An E.164 number as it is dialled.
    ///
    /// # Errors
    /// [`Invalid::NotNational`] for a number outside the North American plan where that alone is taken.
    pub fn dial(self, e164: &str) -> Result<Dialled, Invalid> {
        let national = e164.strip_prefix("+1").filter(|digits| digits.len() == 10);
        match (self, national) {
            (Self::International, _) => Dialled::parse(e164),
            (Self::CountryAndNational, Some(digits)) => Dialled::parse(&format!("1{digits}")),
            (Self::National, Some(digits)) => Dialled::parse(digits),
            (_, None) => Err(Invalid::NotNational),
        }
    }
}

/// Who says how long it rings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    /// The code: [`Timer::SECONDS`].
    Code,
    /// The provider; about so many seconds, where that is known.
    Provider(Option<(u8, u8)>),
}

/// A code without its number and its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// Registers a number.
    Register {
        /// For which calls.
        condition: Condition,
        /// For which service, if one is named.
        service: Option<Service>,
        /// With a time.
        timed: bool,
    },
    /// Registers a number in the short form.
    Activate(Condition),
    /// Needs nothing.
    Bare(Procedure, Condition),
    /// A star code of an American exchange, as in `*73`.
    Star(&'static str),
    /// A star code before a number, as in `*72`.
    StarTo(&'static str),
}

impl Template {
    /// True if a time belongs into it.
    #[must_use]
    pub const fn is_timed(&self) -> bool {
        matches!(self, Self::Register { timed: true, .. })
    }

    /// What is dialled.
    ///
    /// # Errors
    /// [`Invalid`] for a number that does not fit.
    pub fn fill(&self, e164: &str, format: Format, timer: Timer) -> Result<String, Invalid> {
        Ok(match *self {
            Self::Register { condition, service, timed } => {
                let timer = timed.then_some(timer);
                Code::register(condition, format.dial(e164)?, service, timer)?.to_string()
            }
            Self::Activate(condition) => Code::activate(condition, format.dial(e164)?).to_string(),
            Self::Bare(procedure, condition) => Code::bare(procedure, condition).to_string(),
            Self::Star(code) => code.to_owned(),
            Self::StarTo(code) => format!("{code}{}", format.dial(e164)?.as_str()),
        })
    }

    /// The same for people to read, with `<number>` and `<seconds>` where those belong.
    #[must_use]
    pub fn pattern(&self) -> String {
        match *self {
            Self::Register { condition, service, timed } => {
                let service = service.map(Service::code);
                let rest = match (service, timed) {
                    (None, false) => String::new(),
                    (Some(service), false) => format!("*{service}"),
                    (service, true) => format!("*{}*<seconds>", service.unwrap_or_default()),
                };
                format!("**{}*<number>{rest}#", condition.code())
            }
            Self::Activate(condition) => format!("*{}*<number>#", condition.code()),
            Self::Bare(procedure, condition) => Code::bare(procedure, condition).to_string(),
            Self::Star(code) => code.to_owned(),
            Self::StarTo(code) => format!("{code}<number>"),
        }
    }
}

/// Codes that are dialled one after the other, all of them.
pub type Way = &'static [Template];

/// One mode of a carrier. Of several ways the first is tried first.
#[derive(Debug, Clone, Copy)]
pub struct Offer {
    /// Which calls.
    pub mode: Mode,
    /// Switches on.
    pub activate: &'static [Way],
    /// Switches off.
    pub deactivate: &'static [Way],
    /// Asks how it stands; nothing where a carrier has no such code.
    pub query: Way,
}

impl Offer {
    /// True if a time can be said.
    #[must_use]
    pub fn takes_timer(&self) -> bool {
        self.activate.iter().any(|way| is_timed(way))
    }

    /// All ways to switch on, the most promising first: as the carrier's guides have it, then with the number in the other
    /// forms that the carrier may take. With a time that somebody asked for, ways that can say it come first.
    ///
    /// # Errors
    /// [`Invalid::TimerNotTaken`] for a time that no way can say, else as [`Template::fill`].
    pub fn switch_on(&self, e164: &str, formats: &[Format], timer: Option<Timer>) -> Result<Vec<Vec<String>>, Invalid> {
        if timer.is_some() && !self.takes_timer() {
            return Err(Invalid::TimerNotTaken);
        }
        let mut ways = self.activate.to_vec();
        if timer.is_some() {
            // the sort is stable: among those that can say it the carrier's order stays
            ways.sort_by_key(|way| !is_timed(way));
        }
        let timer = timer.unwrap_or(Timer::DEFAULT);
        let dialled = |way: &[Template], format: Format| {
            way.iter().map(|template| template.fill(e164, format, timer)).collect::<Result<Vec<_>, _>>()
        };
        let first = formats.first().copied().unwrap_or(Format::International);
        let mut all = ways.iter().map(|way| dialled(way, first)).collect::<Result<Vec<_>, _>>()?;
        if let Some(best) = ways.first() {
            for format in formats.iter().skip(1) {
                all.push(dialled(best, *format)?);
            }
        }
        Ok(all)
    }

    /// All ways to switch off, the most promising first.
    #[must_use]
    pub fn switch_off(&self) -> Vec<Vec<String>> {
        self.deactivate.iter().map(|way| patterns(way)).collect()
    }
}

/// A carrier.
#[derive(Debug, Clone, Copy)]
pub struct Carrier {
    /// What the hub calls it.
    pub id: CarrierId,
    /// What people call it.
    pub name: &'static str,
    /// How it takes destinations, the most promising form first.
    pub numbers: &'static [Format],
    /// Who says how long it rings.
    pub ring: Ring,
    /// What it offers.
    pub offers: &'static [Offer],
    /// Switches every forwarding off and forgets all numbers.
    pub reset: Way,
    /// How sure that is.
    pub confidence: Confidence,
    /// What else to know.
    pub notes: &'static [&'static str],
}

impl Carrier {
    /// What it offers for a mode.
    #[must_use]
    pub fn offer(&self, mode: Mode) -> Option<&'static Offer> {
        self.offers.iter().find(|offer| offer.mode == mode)
    }
}

/// A way as people read it.
#[must_use]
pub fn patterns(way: &[Template]) -> Vec<String> {
    way.iter().map(Template::pattern).collect()
}

fn is_timed(way: &[Template]) -> bool {
    way.iter().any(Template::is_timed)
}
