//! What can go wrong while setting up a server, each with what to do next.

/// The result of every call of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Texts that start with a capital letter are fixed by the published API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    #[error("the configuration is not valid YAML of the expected form, correct the line named below")]
    Syntax(#[source] Box<serde_saphyr::Error>),
    #[error("{0}")]
    Invalid(&'static str),
    #[error("Config with valid CA is required")]
    CaMissing,
    #[error("{0} is not usable, expected PEM text as `config generate` writes it")]
    Pem(&'static str),
    #[error("the private key does not belong to the certificate of the CA, take both from one file")]
    KeyMismatch,
    #[error("cannot make the certificate, try another name")]
    Certificate(#[source] rcgen::Error),
    #[error("the system gives no random numbers, check the kernel's entropy source")]
    Random,
    #[error("the certificates cannot be used for TLS, make new ones with `config generate`")]
    Tls(#[source] rustls::Error),
    #[error("the CA certificate cannot be used to verify clients, make a new one with `config generate`")]
    Verifier(#[source] rustls::server::VerifierBuilderError),
    #[error("cannot connect to {address}, check that the server runs there and accepts this client")]
    Connect { address: String, source: tonic::transport::Error },
    #[error("cannot read or write {path}, check its owner and the free space", path = path.display())]
    File { path: std::path::PathBuf, source: std::io::Error },
    #[error(transparent)]
    Name(store::Error),
}
