//! An organisation's vårdenheter: a register its administrators keep, in the order it is shown, and how a pasted list is read.

use uuid::Uuid;

use crate::identity::HsaId;

/// Most that are added at once.
pub const MOST_AT_ONCE: usize = 500;

/// A vårdenhet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Id.
    pub id: Uuid,
    /// Name.
    pub name: String,
    /// HSA-id, as written.
    pub hsa_id: String,
    /// The unit it belongs to; `None` = the organisation itself.
    pub parent: Option<Uuid>,
    /// The first day it is no more.
    pub closed_on: Option<time::Date>,
}

/// Each unit under the one it belongs to, with its depth; units keep the order they come in among those beside them.
pub fn as_tree(units: &[Unit]) -> Vec<(usize, &Unit)> {
    fn walk<'a>(units: &'a [Unit], under: Option<Uuid>, depth: usize, tree: &mut Vec<(usize, &'a Unit)>) {
        // The database allows six levels and no circles.
        if depth > 6 {
            return;
        }
        for unit in units.iter().filter(|unit| unit.parent == under) {
            tree.push((depth, unit));
            walk(units, Some(unit.id), depth + 1, tree);
        }
    }
    let mut tree = Vec::with_capacity(units.len());
    walk(units, None, 0, &mut tree);
    tree
}

/// Is `unit` the other one, or somewhere under it?
pub fn is_within(units: &[Unit], unit: Uuid, other: Uuid) -> bool {
    let mut at = Some(unit);
    for _ in 0..10 {
        match at {
            Some(id) if id == other => return true,
            Some(id) => at = units.iter().find(|unit| unit.id == id).and_then(|unit| unit.parent),
            None => return false,
        }
    }
    true
}

/// A name and an HSA-id.
pub type Named = (String, String);

/// Reads a unit's name.
///
/// # Errors
/// In words for the person.
pub fn name(typed: &str) -> Result<String, String> {
    let name = crate::http::form::line(typed, 200)?;
    if name.is_empty() {
        return Err("Skriv vårdenhetens namn".to_owned());
    }
    if crate::text::has_personal_number(&name) {
        return Err("Namnet innehåller något som ser ut som ett personnummer. Ta bort det".to_owned());
    }
    Ok(name)
}

/// Reads an HSA-id, in capitals; the number in it is an organisation's, never a person's.
///
/// # Errors
/// In words for the person.
pub fn hsa_id(typed: &str) -> Result<String, String> {
    let id = HsaId::parse(typed).map_err(|bad| bad.0.to_owned())?;
    if id.as_str().as_bytes().get(4).is_some_and(|digit| *digit < b'2') {
        return Err("Numret i HSA-id:t är ett personnummer. Skriv enhetens HSA-id".to_owned());
    }
    if crate::text::has_personal_number(id.as_str().get(13..).unwrap_or_default()) {
        return Err(
            "HSA-id:t innehåller något som ser ut som ett personnummer. Skriv enhetens HSA-id".to_owned()
        );
    }
    Ok(id.as_str().to_ascii_uppercase())
}

/// Reads a list, a unit on each line: name, then a semicolon or a tab, then HSA-id, as copied from a table. Either all of it
/// or what is wrong, line by line.
pub fn parse_list(text: &str, known: &[Unit]) -> Result<Vec<Named>, Vec<String>> {
    let mut units: Vec<Named> = Vec::new();
    let mut faults = Vec::new();
    for (number, row) in (1..).zip(text.lines()) {
        let row = row.trim().trim_end_matches([';', '\t']);
        if row.is_empty() {
            continue;
        }
        let Some((left, right)) = row.rsplit_once([';', '\t']) else {
            faults.push(format!(
                "Rad {number}: Skriv namn, semikolon och HSA-id, till exempel Labb; SE5565594230-0001"
            ));
            continue;
        };
        match (name(left.trim().trim_matches('"')), hsa_id(right.trim().trim_matches('"'))) {
            (Ok(_), Ok(hsa)) if units.iter().any(|(_, other)| other.eq_ignore_ascii_case(&hsa)) => {
                faults.push(format!("Rad {number}: {hsa} står redan på en rad ovanför"));
            }
            (Ok(_), Ok(hsa))
                if known
                    .iter()
                    .any(|unit| unit.closed_on.is_none() && unit.hsa_id.eq_ignore_ascii_case(&hsa)) =>
            {
                faults.push(format!("Rad {number}: {hsa} finns redan i registret"));
            }
            (Ok(name), Ok(hsa)) => units.push((name, hsa)),
            (name, hsa) => faults.extend(
                [name.err(), hsa.err()].into_iter().flatten().map(|fault| format!("Rad {number}: {fault}")),
            ),
        }
    }
    if units.is_empty() && faults.is_empty() {
        faults.push("Skriv minst en vårdenhet".to_owned());
    }
    if units.len() > MOST_AT_ONCE {
        faults.push(format!("Lägg till högst {MOST_AT_ONCE} enheter åt gången"));
    }
    if faults.is_empty() { Ok(units) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(id: u128, parent: Option<u128>, hsa: &str) -> Unit {
        Unit {
            id: Uuid::from_u128(id),
            name: format!("Enhet {id}"),
            hsa_id: hsa.to_owned(),
            parent: parent.map(Uuid::from_u128),
            closed_on: None,
        }
    }

    #[test]
    fn units_stand_under_the_one_they_belong_to() {
        let units = [unit(1, None, ""), unit(2, None, ""), unit(3, Some(1), ""), unit(4, Some(3), "")];
        let shown: Vec<(usize, u128)> =
            as_tree(&units).into_iter().map(|(depth, unit)| (depth, unit.id.as_u128())).collect();
        assert_eq!(shown, [(0, 1), (1, 3), (2, 4), (0, 2)]);
        assert!(is_within(&units, Uuid::from_u128(4), Uuid::from_u128(1)));
        assert!(!is_within(&units, Uuid::from_u128(4), Uuid::from_u128(2)));
    }

    #[test]
    fn a_list_is_read_as_it_is_copied_from_a_table() {
        let text = "Mottagningen; SE5565594230-0001\r\n\n\"Labb; norr\"\tSE5565594230-0002\n";
        let read = parse_list(text, &[]);
        let named = |name: &str, hsa: &str| (name.to_owned(), hsa.to_owned());
        assert_eq!(
            read,
            Ok(vec![named("Mottagningen", "SE5565594230-0001"), named("Labb; norr", "SE5565594230-0002")])
        );
    }

    #[test]
    fn every_wrong_line_is_told_with_its_number() {
        let known = [unit(1, None, "SE5565594230-0009")];
        let text = "Bara namn\nA; SE5565594231-0001\nB; se5565594230-0009\nC; SE5565594230-1\nD; se5565594230-1\n; SE5565594230-2\nE; SE1912121212-1";
        let faults = parse_list(text, &known).err().unwrap_or_default();
        let starts: Vec<&str> = faults.iter().map(|fault| fault.split(':').next().unwrap_or("")).collect();
        assert_eq!(starts, ["Rad 1", "Rad 2", "Rad 3", "Rad 5", "Rad 6", "Rad 7"], "{faults:?}");
        assert!(parse_list("  \n", &[]).is_err());
    }
}
