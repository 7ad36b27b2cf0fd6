//! The colours of a picture.
#![forbid(unsafe_code)]

use core::fmt;

use super::report::PageUsage;
use crate::geometry::Class;

/// What a colour stands for. Their order is that of the legend.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Paint {
    Free,
    /// Blocks of so many bytes.
    Blocks(u32),
    Whole,
    Unknown,
}

/// How a cell looks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Look {
    paint: Paint,
    /// In percent.
    opacity: u8,
}

impl Paint {
    pub(super) const fn of(usage: PageUsage) -> Self {
        match usage {
            PageUsage::Free => Self::Free,
            PageUsage::Whole => Self::Whole,
            PageUsage::Blocks { block_bytes, .. } => Self::Blocks(block_bytes),
            PageUsage::Unknown => Self::Unknown,
        }
    }

    /// How it looks where so much of it is handed out, from 0 to 1: blocks are the paler the fewer they
    /// are, in steps, so that most neighbours look the same.
    pub(super) fn look(self, fill: f32) -> Look {
        const STEPS: f32 = 5.0;
        let opacity = match self {
            Self::Free => 12,
            Self::Blocks(_) => 40 + 12 * (fill * STEPS).round() as u8,
            Self::Whole => 65,
            Self::Unknown => 100,
        };
        Look { paint: self, opacity }
    }

    /// Small blocks are blue and large ones red, with dark and light shades in turn so that neighbours
    /// are told apart.
    /// None is that of the text.
    fn colour(self) -> Option<[u8; 3]> {
        match self {
            Self::Free | Self::Whole => None,
            Self::Unknown => Some([0xc0, 0x26, 0xd3]),
            Self::Blocks(block_bytes) => {
                let index = Class::of(block_bytes as usize, 1).map_or(0, Class::index);
                let hue = 250.0 * (1.0 - index as f32 / (Class::COUNT - 1) as f32);
                Some(of_hue(hue, [0.42, 0.62, 0.52][index % 3]))
            }
        }
    }
}

/// The colour of a hue in degrees and a lightness from 0 to 1, by the usual formula.
fn of_hue(hue: f32, lightness: f32) -> [u8; 3] {
    const SATURATION: f32 = 0.7;
    let chroma = SATURATION * lightness.min(1.0 - lightness);
    [0.0, 8.0, 4.0].map(|shift| {
        let angle = (shift + hue / 30.0) % 12.0;
        let part = (angle - 3.0).min(9.0 - angle).clamp(-1.0, 1.0);
        ((lightness - chroma * part) * 255.0) as u8
    })
}

impl fmt::Display for Paint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Free => f.write_str("free"),
            Self::Blocks(block_bytes) => write!(f, "blocks of {block_bytes} bytes"),
            Self::Whole => f.write_str("whole pages"),
            Self::Unknown => f.write_str("overwritten"),
        }
    }
}

/// The attributes of a line. That of `opacity` would have each path composed by itself, which is slow and rounds.
impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some([red, green, blue]) = self.paint.colour() {
            write!(f, " stroke=\"#{red:02x}{green:02x}{blue:02x}\"")?;
        }
        match self.opacity {
            100.. => Ok(()),
            percent => write!(f, " stroke-opacity=\".{percent:02}\""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_are_those_of_the_rainbow() {
        let greatest = |hue| {
            let colour = of_hue(hue, 0.5);
            (0..3).max_by_key(|&part| colour[part])
        };
        assert_eq!([0.0, 120.0, 240.0].map(greatest), [Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn every_class_has_a_colour_of_its_own() {
        let classes = (0..Class::COUNT).filter_map(Class::from_index);
        let mut colours: Vec<_> =
            classes.map(|class| Paint::Blocks(class.plan().block_bytes).colour()).collect();
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), Class::COUNT);
        assert!(colours.iter().all(Option::is_some));
    }

    #[test]
    fn blocks_are_the_paler_the_fewer_they_are() {
        let look = |fill| Paint::Blocks(8).look(fill).to_string();
        assert!(
            look(0.0).ends_with(" stroke-opacity=\".40\"")
                && look(0.5).ends_with(" stroke-opacity=\".76\"")
        );
        assert!(!look(1.0).contains("opacity") && look(1.0).starts_with(" stroke=\"#"));
        assert_eq!(look(0.51), look(0.5));
    }
}
