//! Limits and devices. `deploy.resources` is applied last: it wins over the older attributes.

use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, ResourcesBlkioWeightDevice, ResourcesUlimits, ThrottleDevice,
};
use compose_schema::model::{self, BlkioConfig, Service};

use super::{Outcome, TranslateError, Translator, flag, list, map, number, text};

pub(super) fn apply(translator: &mut Translator, service: &Service, host: &mut HostConfig) -> Outcome<()> {
    host.cgroup_parent = text(&service.cgroup_parent);
    host.memory = number(service.mem_limit.0);
    host.memory_reservation = number(service.mem_reservation.0);
    host.memory_swap = number(service.memswap_limit.0);
    host.memory_swappiness = number(service.mem_swappiness.0);
    host.oom_kill_disable = flag(service.oom_kill_disable);
    host.cpu_count = number(service.cpu_count);
    host.cpu_percent = number(scaled(service.cpu_percent, 100.0)?);
    host.cpu_period = number(service.cpu_period);
    host.cpu_quota = number(service.cpu_quota);
    host.cpu_realtime_period = number(service.cpu_rt_period);
    host.cpu_realtime_runtime = number(service.cpu_rt_runtime);
    host.cpu_shares = number(service.cpu_shares);
    host.cpuset_cpus = text(&service.cpuset);
    host.nano_cpus = number(scaled(service.cpus, 1e9)?);
    host.pids_limit = number(service.pids_limit);
    host.device_cgroup_rules = list(&service.device_cgroup_rules);
    host.ulimits = ulimits(service);
    if let Some(blkio) = &service.blkio_config {
        block_io(blkio, host);
    }
    let mut requests = Vec::new();
    devices(translator, service, host, &mut requests)?;
    requests.extend(service.gpus.iter().map(|gpu| device_request(gpu, Some("gpu"))));
    if let Some(deploy) = &service.deploy {
        limits(deploy, host)?;
        reservations(translator, deploy, host, &mut requests);
    }
    host.device_requests = list(&requests);
    Ok(())
}

/// A decimal number as the file wrote it, times a whole factor. `0.1` has to become exactly a tenth: through its
/// shortest decimal form, not through the nearest `f32`.
fn scaled(value: f32, factor: f64) -> Outcome<i64> {
    let decimal: f64 = value.to_string().parse().unwrap_or(f64::NAN);
    let product = (decimal * factor).round();
    if !(0.0..=9e18).contains(&product) {
        return Err(TranslateError::Invalid(format!("`{value}` is not a number of processors")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within range by the check above")]
    Ok(product as i64)
}

fn limits(deploy: &model::Deploy, host: &mut HostConfig) -> Outcome<()> {
    let Some(limits) = &deploy.resources.limits else { return Ok(()) };
    host.memory = number(limits.memory.0).or(host.memory);
    host.nano_cpus = number(scaled(limits.cpus, 1e9)?).or(host.nano_cpus);
    host.pids_limit = number(limits.pids).or(host.pids_limit);
    Ok(())
}

fn reservations(
    translator: &mut Translator,
    deploy: &model::Deploy,
    host: &mut HostConfig,
    requests: &mut Vec<DeviceRequest>,
) {
    let Some(kept) = &deploy.resources.reservations else { return };
    host.memory_reservation = number(kept.memory.0).or(host.memory_reservation);
    if kept.cpus != 0.0 {
        translator.warn("`deploy.resources.reservations.cpus` is for Swarm; it has no effect on a single engine");
    }
    if !kept.generic_resources.is_empty() {
        translator.warn(
            "`deploy.resources.reservations.generic_resources` is for Swarm; it has no effect on a single engine",
        );
    }
    requests.extend(kept.devices.iter().map(|device| device_request(device, None)));
}

fn device_request(request: &model::DeviceRequest, capability: Option<&str>) -> DeviceRequest {
    let mut capabilities = request.capabilities.clone();
    capabilities.extend(capability.map(str::to_owned));
    DeviceRequest {
        driver: text(&request.driver),
        // Without a number and without ids, all of them.
        count: number(request.count).or_else(|| request.device_ids.is_empty().then_some(-1)),
        device_ids: list(&request.device_ids),
        capabilities: Some(vec![capabilities]),
        options: map(&request.options),
    }
}

/// Host devices by path; names like `vendor.com/class=name` are for the container device interface.
fn devices(
    translator: &Translator,
    service: &Service,
    host: &mut HostConfig,
    requests: &mut Vec<DeviceRequest>,
) -> Outcome<()> {
    let mut paths = Vec::new();
    let mut names = Vec::new();
    for device in &service.devices {
        if device.source.contains('=') && !device.source.starts_with('/') {
            names.push(device.source.clone());
            continue;
        }
        let target = if device.target.is_empty() { &device.source } else { &device.target };
        let permissions = if device.permissions.is_empty() { "rwm" } else { &device.permissions };
        paths.push(DeviceMapping {
            path_on_host: Some(device.source.clone()),
            path_in_container: Some(target.clone()),
            cgroup_permissions: Some(permissions.to_owned()),
        });
    }
    host.devices = list(&paths);
    if !names.is_empty() {
        translator.need((1, 44), "25.0", &format!("devices: {}", names.join(", ")))?;
        requests.push(DeviceRequest {
            driver: Some("cdi".to_owned()),
            device_ids: Some(names),
            ..DeviceRequest::default()
        });
    }
    Ok(())
}

fn ulimits(service: &Service) -> Option<Vec<ResourcesUlimits>> {
    let limits: Vec<ResourcesUlimits> = service
        .ulimits
        .iter()
        .map(|(name, limit)| {
            let (soft, hard) = if limit.single == 0 { (limit.soft, limit.hard) } else { (limit.single, limit.single) };
            ResourcesUlimits { name: Some(name.clone()), soft: Some(soft), hard: Some(hard) }
        })
        .collect();
    list(&limits)
}

fn block_io(blkio: &BlkioConfig, host: &mut HostConfig) {
    let throttles = |devices: &[model::ThrottleDevice]| {
        let devices: Vec<ThrottleDevice> = devices
            .iter()
            .map(|device| ThrottleDevice { path: Some(device.path.clone()), rate: Some(device.rate.0) })
            .collect();
        list(&devices)
    };
    let weights: Vec<ResourcesBlkioWeightDevice> = blkio
        .weight_device
        .iter()
        .map(|device| ResourcesBlkioWeightDevice {
            path: Some(device.path.clone()),
            weight: Some(usize::from(device.weight)),
        })
        .collect();
    host.blkio_weight = (blkio.weight != 0).then_some(blkio.weight);
    host.blkio_weight_device = list(&weights);
    host.blkio_device_read_bps = throttles(&blkio.device_read_bps);
    host.blkio_device_read_iops = throttles(&blkio.device_read_iops);
    host.blkio_device_write_bps = throttles(&blkio.device_write_bps);
    host.blkio_device_write_iops = throttles(&blkio.device_write_iops);
}
