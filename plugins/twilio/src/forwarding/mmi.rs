//! The codes by which a phone sets up call forwarding itself: 3GPP TS 22.030, section 6.5.2 and annexes B and C.
//!
//! `<procedure> SC [*SIA[*SIB[*SIC]]] #`: which condition, where to, for which service, after how many seconds. A part may be
//! empty so that a later one is reached; empty parts at the end are left out. What people dial ends with the call key.

use std::fmt;

use thiserror::Error;

/// Why there is no such code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Invalid {
    /// Not a number that can be dialled: `^\+?[1-9]\d{6,14}$`, after blanks, hyphens and brackets are left out.
    #[error("7 to 15 digits that do not begin with 0, with or without a + before them")]
    Destination,
    /// Networks know six times.
    #[error("5, 10, 15, 20, 25 or 30 seconds")]
    Timer,
    /// Only what waits for an answer takes a time.
    #[error("no ring time: this condition does not wait for an answer")]
    TimerNotTaken,
    /// The carrier takes numbers of its own country alone.
    #[error("a number of the United States or Canada, +1 and ten digits: the carrier takes no other ones")]
    NotNational,
}

/// What a code does with a forwarding: how it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Procedure {
    /// Stores a number and switches on.
    Register,
    /// Switches on with the stored number. With a number it registers.
    Activate,
    /// Switches off and keeps the number.
    Deactivate,
    /// Switches off and forgets the number.
    Erase,
    /// Asks how it stands.
    Interrogate,
}

impl Procedure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Register, Self::Activate, Self::Deactivate, Self::Erase, Self::Interrogate];

    /// How a code begins.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Register => "**",
            Self::Activate => "*",
            Self::Deactivate => "#",
            Self::Erase => "##",
            Self::Interrogate => "*#",
        }
    }
}

/// Which calls are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// All of them, at once.
    All,
    /// Those that come while the line is busy.
    Busy,
    /// Those that nobody answers.
    NoReply,
    /// Those that come while the phone is off or out of reach.
    NotReachable,
    /// Every forwarding there is: the four above.
    Any,
    /// Busy, no reply and not reachable.
    AnyConditional,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::All, Self::Busy, Self::NoReply, Self::NotReachable, Self::Any, Self::AnyConditional];

    /// The service code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::All => "21",
            Self::Busy => "67",
            Self::NoReply => "61",
            Self::NotReachable => "62",
            Self::Any => "002",
            Self::AnyConditional => "004",
        }
    }

    /// True where somebody may answer first, so that a time can be said.
    #[must_use]
    pub const fn takes_timer(self) -> bool {
        matches!(self, Self::NoReply | Self::Any | Self::AnyConditional)
    }
}

/// For which kind of calls; without one, for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// All teleservices.
    Teleservices,
    /// Voice.
    Telephony,
    /// All data teleservices.
    DataTeleservices,
    /// Fax.
    Fax,
    /// Short messages.
    Messages,
    /// All teleservices but short messages.
    TeleservicesButMessages,
    /// All bearer services.
    Bearers,
    /// Asynchronous bearers.
    Asynchronous,
    /// Synchronous bearers.
    Synchronous,
    /// Synchronous data circuits.
    SynchronousCircuits,
    /// Asynchronous data circuits.
    AsynchronousCircuits,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Teleservices,
        Self::Telephony,
        Self::DataTeleservices,
        Self::Fax,
        Self::Messages,
        Self::TeleservicesButMessages,
        Self::Bearers,
        Self::Asynchronous,
        Self::Synchronous,
        Self::SynchronousCircuits,
        Self::AsynchronousCircuits,
    ];

    /// The code of the basic service.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Teleservices => "10",
            Self::Telephony => "11",
            Self::DataTeleservices => "12",
            Self::Fax => "13",
            Self::Messages => "16",
            Self::TeleservicesButMessages => "19",
            Self::Bearers => "20",
            Self::Asynchronous => "21",
            Self::Synchronous => "22",
            Self::SynchronousCircuits => "24",
            Self::AsynchronousCircuits => "25",
        }
    }
}

/// A number as it is dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled(String);

impl Dialled {
    /// Takes a number that people wrote: blanks, hyphens and brackets are left out.
    ///
    /// # Errors
    /// [`Invalid::Destination`] for what is left and no number: `*`, `#`, `,`, `;`, `p` and `w` mean something to a phone.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let kept: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '(' | ')')).collect();
        let digits = kept.strip_prefix('+').unwrap_or(&kept);
        let fits = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if fits { Ok(Self(kept)) } else { Err(Invalid::Destination) }
    }

    /// Digits, perhaps with a `+` before them.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How long it rings before nobody has answered. One ring takes five to six seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer(u8);

impl Timer {
    /// What networks know, in seconds.
    pub const SECONDS: [u8; 6] = [5, 10, 15, 20, 25, 30];

    /// What networks take if nothing is said (3GPP TS 27.007): 20 seconds.
    pub const DEFAULT: Self = Self(20);

    /// Takes seconds.
    ///
    /// # Errors
    /// [`Invalid::Timer`] for other than [`Timer::SECONDS`].
    pub fn seconds(seconds: u8) -> Result<Self, Invalid> {
        if Self::SECONDS.contains(&seconds) { Ok(Self(seconds)) } else { Err(Invalid::Timer) }
    }

    /// In seconds.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// About so many rings, by the cycle of six seconds of American networks; one at least.
    #[must_use]
    pub const fn rings(self) -> u8 {
        (self.0 + 3) / 6
    }
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    procedure: Procedure,
    condition: Condition,
    destination: Option<Dialled>,
    service: Option<Service>,
    timer: Option<Timer>,
}

impl Code {
    /// A code without any parts: switches on or off, forgets, asks.
    #[must_use]
    pub const fn bare(procedure: Procedure, condition: Condition) -> Self {
        Self { procedure, condition, destination: None, service: None, timer: None }
    }

    /// Forwards to a number.
    ///
    /// # Errors
    /// [`Invalid::TimerNotTaken`] for a time where nothing waits for an answer.
    pub fn register(
        condition: Condition,
        destination: Dialled,
        service: Option<Service>,
        timer: Option<Timer>,
    ) -> Result<Self, Invalid> {
        if timer.is_some() && !condition.takes_timer() {
            return Err(Invalid::TimerNotTaken);
        }
        Ok(Self { procedure: Procedure::Register, condition, destination: Some(destination), service, timer })
    }

    /// The same in the short form, which networks tell by the number in it.
    #[must_use]
    pub const fn activate(condition: Condition, destination: Dialled) -> Self {
        Self { procedure: Procedure::Activate, condition, destination: Some(destination), service: None, timer: None }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.timer.map(|timer| timer.get().to_string());
        let parts = [
            self.destination.as_ref().map_or("", Dialled::as_str),
            self.service.map_or("", Service::code),
            seconds.as_deref().unwrap_or_default(),
        ];
        write!(f, "{}{}", self.procedure.prefix(), self.condition.code())?;
        let length = parts.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
        for part in parts.iter().take(length) {
            write!(f, "*{part}")?;
        }
        f.write_str("#")
    }
}

/// A code as a link that opens the dialler, where a phone allows that: Android does, iOS refuses codes.
#[must_use]
pub fn tel_uri(code: &str) -> String {
    format!("tel:{}", code.replace('#', "%23"))
}
