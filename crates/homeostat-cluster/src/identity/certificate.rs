//! What a certificate says, and its forms.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

/// A certificate with what we need to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    der: CertificateDer<'static>,
    serial: Serial,
    common_name: Option<String>,
    valid: (SystemTime, SystemTime),
    public_key: Fingerprint,
}

/// The serial number of a certificate, in lower hexadecimal without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Serial(String);

/// The SHA-256 of a certificate or of a public key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

/// A text that holds no certificate that we can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// The text is not PEM.
    #[error("it is not PEM")]
    NotPem,
    /// It holds no certificate.
    #[error("it holds no certificate")]
    Empty,
    /// A certificate that cannot be read.
    #[error("it holds a certificate that cannot be read")]
    Unreadable,
}

impl Certificate {
    /// Reads one.
    pub fn new(der: CertificateDer<'static>) -> Result<Self, CertificateError> {
        let (rest, read) = X509Certificate::from_der(&der).map_err(|_| CertificateError::Unreadable)?;
        if !rest.is_empty() {
            return Err(CertificateError::Unreadable);
        }
        let common_name = read.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
        let validity = read.validity();
        Ok(Self {
            serial: Serial::new(read.raw_serial()),
            common_name: common_name.map(str::to_owned),
            valid: (time(validity.not_before), time(validity.not_after)),
            public_key: Fingerprint::of(&read.public_key().subject_public_key.data),
            der,
        })
    }

    /// Reads all that a PEM text holds, at least one.
    pub fn all_of(text: &str) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::parse_many(text).map_err(|_| CertificateError::NotPem)?;
        let certificates = blocks.into_iter().filter(|block| block.tag() == "CERTIFICATE");
        let read: Result<Vec<_>, _> =
            certificates.map(|block| Self::new(block.into_contents().into())).collect();
        match read? {
            none if none.is_empty() => Err(CertificateError::Empty),
            some => Ok(some),
        }
    }

    /// As PEM.
    pub fn pem(&self) -> String {
        to_pem("CERTIFICATE", &self.der)
    }

    /// As DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Its serial number.
    pub fn serial(&self) -> &Serial {
        &self.serial
    }

    /// The common name of its subject.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// From when and until when it is valid.
    pub fn valid(&self) -> (SystemTime, SystemTime) {
        self.valid
    }

    /// Its SHA-256.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }

    /// The SHA-256 of its public key.
    pub fn public_key(&self) -> Fingerprint {
        self.public_key
    }

    /// When it is to be renewed: when two thirds of its life are over.
    pub fn renewal_due(&self) -> SystemTime {
        let (from, until) = self.valid;
        from + until.duration_since(from).unwrap_or_default() * 2 / 3
    }
}

impl Serial {
    /// From its bytes, the highest first.
    pub fn new(bytes: &[u8]) -> Self {
        let text = hex(bytes);
        Self(text.trim_start_matches('0').to_owned())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As bytes, the highest first; none if it is not a number.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let padding = if self.0.len().is_multiple_of(2) { "" } else { "0" };
        unhex(&format!("{padding}{}", self.0))
    }
}

impl Fingerprint {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest(&SHA256, bytes);
        Self(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// From its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let bytes = unhex(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("a fingerprint has 64 hexadecimal digits")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// Bytes as PEM, with line ends of one character.
pub(super) fn to_pem(tag: &str, bytes: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(tag, bytes), config)
}

/// Bytes as lower hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn time(time: ASN1Time) -> SystemTime {
    let seconds = Duration::from_secs(time.timestamp().unsigned_abs());
    if time.timestamp() < 0 { SystemTime::UNIX_EPOCH - seconds } else { SystemTime::UNIX_EPOCH + seconds }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_reads_back_and_nothing_else_does() {
        let fingerprint = Fingerprint::of(b"x");
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        for text in ["", "00", "zz", &"é".repeat(32), &fingerprint.to_string()[..63]] {
            assert!(text.parse::<Fingerprint>().is_err(), "{text}");
        }
    }

    #[test]
    fn serials_are_numbers_whatever_their_padding() {
        assert_eq!(Serial::new(&[0, 1, 2]), Serial::new(&[1, 2]));
        assert_eq!(Serial::new(&[0, 1, 2]).bytes(), Some(vec![1, 2]));
        assert_eq!(Serial("é".into()).bytes(), None);
    }

    #[test]
    fn texts_without_certificates_are_refused() {
        for text in ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(Certificate::all_of(text).is_err(), "{text}");
        }
    }
}
