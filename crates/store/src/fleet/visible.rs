//! Which hosts a caller sees (the Fleet reference, section 1.8).

/// The hosts that count for a caller; becomes a condition of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    All,
    /// Hosts of these teams only. Hosts without a team are in none.
    Teams(Vec<u32>),
}

impl Visible {
    /// The same, of one team alone.
    pub fn within(&self, team: u32) -> Self {
        match self {
            Self::All => Self::Teams(vec![team]),
            Self::Teams(teams) => Self::Teams(teams.iter().copied().filter(|id| *id == team).collect()),
        }
    }

    /// Whether a host of this team is among them.
    pub fn includes(&self, team: Option<u32>) -> bool {
        match self {
            Self::All => true,
            Self::Teams(teams) => team.is_some_and(|team| teams.contains(&team)),
        }
    }

    /// A condition on the column that holds a team's id. Only numbers of our own get into the text.
    pub fn condition(&self, column: &str) -> String {
        match self {
            Self::All => "1 = 1".to_owned(),
            Self::Teams(teams) if teams.is_empty() => "1 = 0".to_owned(),
            Self::Teams(teams) => {
                let list: Vec<String> = teams.iter().map(u32::to_string).collect();
                format!("{column} IN ({})", list.join(", "))
            }
        }
    }
}
