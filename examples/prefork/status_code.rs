//! `StatusCode`: how a request went.
#![forbid(unsafe_code)]

use aquifer::AllocError;

/// The status of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StatusCode(u16);

impl StatusCode {
    pub(crate) const OK: Self = Self(200);
    pub(crate) const MOVED: Self = Self(301);
    pub(crate) const BAD_REQUEST: Self = Self(400);
    pub(crate) const NOT_FOUND: Self = Self(404);
    pub(crate) const METHOD_NOT_ALLOWED: Self = Self(405);
    pub(crate) const REQUEST_TIMEOUT: Self = Self(408);
    pub(crate) const CONTENT_TOO_LARGE: Self = Self(413);
    pub(crate) const TOO_MANY_REQUESTS: Self = Self(429);
    pub(crate) const HEAD_TOO_LARGE: Self = Self(431);
    pub(crate) const INTERNAL_ERROR: Self = Self(500);
    pub(crate) const NOT_IMPLEMENTED: Self = Self(501);
    pub(crate) const UNAVAILABLE: Self = Self(503);
    pub(crate) const VERSION_NOT_SUPPORTED: Self = Self(505);

    pub(crate) const fn number(self) -> u16 {
        self.0
    }

    /// Its first digit.
    pub(crate) const fn class(self) -> usize {
        (self.0 / 100) as usize
    }

    /// What a status line and an error page say.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::OK => "OK",
            Self::MOVED => "Moved Permanently",
            Self::BAD_REQUEST => "Bad Request",
            Self::NOT_FOUND => "Not Found",
            Self::METHOD_NOT_ALLOWED => "Method Not Allowed",
            Self::REQUEST_TIMEOUT => "Request Timeout",
            Self::CONTENT_TOO_LARGE => "Content Too Large",
            Self::TOO_MANY_REQUESTS => "Too Many Requests",
            Self::HEAD_TOO_LARGE => "Request Header Fields Too Large",
            Self::INTERNAL_ERROR => "Internal Server Error",
            Self::NOT_IMPLEMENTED => "Not Implemented",
            Self::UNAVAILABLE => "Service Unavailable",
            Self::VERSION_NOT_SUPPORTED => "HTTP Version Not Supported",
            _ => "Unknown",
        }
    }

    /// Whether nobody knows where the next request begins: the connection ends.
    pub(crate) const fn ends_the_connection(self) -> bool {
        matches!(
            self,
            Self::BAD_REQUEST
                | Self::REQUEST_TIMEOUT
                | Self::CONTENT_TOO_LARGE
                | Self::HEAD_TOO_LARGE
                | Self::NOT_IMPLEMENTED
                | Self::VERSION_NOT_SUPPORTED
        )
    }
}

/// A request has used up its pool.
impl From<AllocError> for StatusCode {
    fn from(_: AllocError) -> Self {
        Self::UNAVAILABLE
    }
}
