//! What each handler takes and gives, read off its signature: nothing of the API's description is written twice.
//!
//! A handler whose arguments or answer have no description does not compile as a route.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::Value as Json;

use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::request::{Asked, Body, Id, Ids, Name, Parameters, Peer, Viewer};
use crate::server::Fleet;

/// The shapes that a document refers to, as they are made.
pub struct Shapes {
    /// What is taken. Small, and written out at each place, since a type may look different in each direction.
    given: SchemaGenerator,
    /// What is given back.
    shown: SchemaGenerator,
}

/// One operation.
#[derive(Default)]
pub struct Operation {
    /// Whether each parameter of the path is a number, in their order.
    pub path: Vec<bool>,
    /// The parameters of the query string, as the document has them.
    pub query: Vec<Json>,
    pub body: Option<Json>,
    /// The good answers: statuses, and kinds with their shapes.
    pub statuses: &'static [u16],
    pub answers: Vec<(&'static str, Json)>,
}

impl Shapes {
    pub fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.meta_schema = None;
                settings.definitions_path = "/components/schemas".into();
            })
        };
        let given = settings().with(|settings| settings.inline_subschemas = true);
        Self { given: given.into_generator(), shown: settings().for_serialize().into_generator() }
    }

    /// What a request's body of this type may be.
    pub fn given<T: JsonSchema>(&mut self) -> Json {
        T::json_schema(&mut self.given).to_value()
    }

    /// What an answer of this type is. Only what lies deeper is kept apart, under its name.
    pub fn shown<T: JsonSchema>(&mut self) -> Json {
        T::json_schema(&mut self.shown).to_value()
    }

    /// The named shapes.
    pub fn named(&mut self) -> serde_json::Map<String, Json> {
        self.shown.take_definitions(true)
    }
}

/// An argument of a handler.
pub trait Part {
    fn describe(operation: &mut Operation, shapes: &mut Shapes);
}

macro_rules! not_of_the_request {
    ($($part:ty),*) => {
        $(impl Part for $part {
            fn describe(_: &mut Operation, _: &mut Shapes) {}
        })*
    };
}

not_of_the_request!(State<Arc<Fleet>>, Viewer, Peer, HeaderMap);

impl Part for Id {
    fn describe(operation: &mut Operation, _: &mut Shapes) {
        operation.path.push(true);
    }
}

impl Part for Ids {
    fn describe(operation: &mut Operation, _: &mut Shapes) {
        operation.path.extend([true, true]);
    }
}

impl Part for Name {
    fn describe(operation: &mut Operation, _: &mut Shapes) {
        operation.path.push(false);
    }
}

impl<P: Parameters> Part for Asked<P> {
    fn describe(operation: &mut Operation, _: &mut Shapes) {
        operation.query = crate::request::described::<P>();
    }
}

impl<T: JsonSchema> Part for Body<T> {
    fn describe(operation: &mut Operation, shapes: &mut Shapes) {
        operation.body = Some(shapes.given::<T>());
    }
}

/// What a handler answers when all is well.
pub trait Answer {
    fn describe(operation: &mut Operation, shapes: &mut Shapes);
}

impl<A: Answer> Answer for Result<A> {
    fn describe(operation: &mut Operation, shapes: &mut Shapes) {
        A::describe(operation, shapes);
    }
}

/// Of a route that always refuses.
impl Answer for Error {
    fn describe(_: &mut Operation, _: &mut Shapes) {}
}

impl<T: JsonSchema> Answer for Reply<T> {
    fn describe(operation: &mut Operation, shapes: &mut Shapes) {
        operation.statuses = &[200];
        operation.answers = vec![("application/json", shapes.shown::<T>())];
    }
}

/// An answer that is not made from a value of its type alone.
pub struct Written<F> {
    response: Response,
    form: PhantomData<F>,
}

/// What such an answer is.
pub trait Form {
    const STATUSES: &'static [u16] = &[200];
    /// Content types.
    const KINDS: &'static [&'static str] = &["application/json"];
    fn shape(shapes: &mut Shapes) -> Json;
}

/// JSON of this type.
pub struct JsonOf<T>(PhantomData<T>);

impl<T: JsonSchema> Form for JsonOf<T> {
    fn shape(shapes: &mut Shapes) -> Json {
        shapes.shown::<T>()
    }
}

impl<F> From<Response> for Written<F> {
    fn from(response: Response) -> Self {
        Self { response, form: PhantomData }
    }
}

impl<F> IntoResponse for Written<F> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<F: Form> Answer for Written<F> {
    fn describe(operation: &mut Operation, shapes: &mut Shapes) {
        operation.statuses = F::STATUSES;
        operation.answers = F::KINDS.iter().map(|kind| (*kind, F::shape(shapes))).collect();
    }
}

/// A handler whose whole signature is described. `T` is what tells handlers of different arguments apart, as axum has it.
pub trait Described<T> {
    fn describe(shapes: &mut Shapes) -> Operation;
}

impl<F, Fut, R> Described<((),)> for F
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
    R: Answer,
{
    fn describe(shapes: &mut Shapes) -> Operation {
        let mut operation = Operation::default();
        R::describe(&mut operation, shapes);
        operation
    }
}

macro_rules! described {
    ($($part:ident),*) => {
        impl<F, Fut, R, M, $($part),*> Described<(M, $($part,)*)> for F
        where
            F: FnOnce($($part),*) -> Fut,
            Fut: Future<Output = R>,
            R: Answer,
            $($part: Part,)*
        {
            fn describe(shapes: &mut Shapes) -> Operation {
                let mut operation = Operation::default();
                $($part::describe(&mut operation, shapes);)*
                R::describe(&mut operation, shapes);
                operation
            }
        }
    };
}

described!(A);
described!(A, B);
described!(A, B, C);
described!(A, B, C, D);
described!(A, B, C, D, E);

/// A shape that is written down as it is.
pub fn shape(json: Json) -> Schema {
    Schema::try_from(json).unwrap_or_default()
}
